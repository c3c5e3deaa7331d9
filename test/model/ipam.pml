/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * How addresses change hands, as a model that Spin walks through exhaustively: grant, accept,
 * merge, collect, leave, removal, closure, reclaim, crash, a disk set back, a newcomer. It says in
 * the words of ipamdb/ what each rule is for, and names things as the code does. Most rules can be
 * taken out (-DNO_...); then Spin finds two nodes that may lease one address, or an address that
 * nobody can ever use again. CMakeLists.txt says by which options, and which assertion is broken.
 *
 * Exhaustively within bounds: of each kind of step a run has as many as the options below say, and
 * of those that a run has none of nothing is said. Of A addresses only as many are ever granted as
 * there are GRANTS; the others are there to be closed upon and taken back. States are told apart by
 * a hash (HC4): that two are taken for one is unlikely, not impossible.
 *
 * What is modelled
 *   - A claim is a row of one author about one address at one generation, and names a holder. The
 *     owner is the holder of the highest generation that counts: a grant of a removed node is void.
 *     Whoever owns an address by a row of its own may use it; never two at once.
 *   - Each node knows some of the claims. Gossip carries those of one author (-DWHOLE: of all;
 *     -DALL_AT_ONCE: with members and facts) from any node to any other, at any time or never.
 *   - A closure is {view, version of own rows, generation}. A version is the set of own rows, and
 *     who has that set has the version.
 *   - A commit is one step with what must wait for it, but for own rows taken up or taken back with
 *     -DFLIGHTS: these are on their way to disk for a while.
 *   - A crash forgets others' claims and closures, and removals that were not stored, all at once.
 *   - A removal holds from the moment in which one node has it. The removed node does not know of
 *     it before it is told, and goes on granting and leasing; what it leases counts no more. With
 *     -DMUTUAL it removes others, too: that holds from when one has it who was not removed himself.
 *   - A newcomer is known to him who admits it when it shows itself, and to others from there on.
 *     It counts while anybody who was not removed knows it, or its admitter was not removed.
 *   - A leave is the moment in which a node owns nothing and is owed no answer; its hand-over is
 *     grants like all others. It names whom it knew in its last rows, which come with its claims or
 *     by others, later than the word that it left.
 *   - Of the boxes of a disk set back those that it knows live on, and so do their leases, unless
 *     they are released at once; those that it does not know are gone. A host's own address has no
 *     box that tells whether it was given up meanwhile: with -DHOST_LEASES leases come back with the
 *     disk. While guarded or fenced the host leaves it to the one who has it, and recover releases
 *     it; until it has heard of him is a limit (limit_host_address). The disk had the guard `all`;
 *     what `one` lacks is a limit (limit_guard_one).
 *   - With -DTEXTS one node is mad: it signs another text under the version of a range row of its
 *     own. Who has heard both keeps the other one (gossip/tables/receive.c) and remembers the range
 *     as an ended one; who hears the other one first never has the range. What it leases itself
 *     counts no more, but others go by what it says; in calm it is removed.
 *   - calm ends a run anywhere: no more faults, everybody hears everybody, recover is run on fenced
 *     nodes. Then each address must belong to a member, in all views alike.
 *
 * What is not: pools and networks that come and go, blocks (addresses stand for them), cool-down,
 * epochs (a closure written after a disk went back counts as newer), the delay before what a left
 * node holds is taken back (here there is none, and none is needed), the sync that a restarted
 * member waits for before it takes up grants (only a newcomer needs it), rows of a left node that
 * nobody has. RECLAIM_STEP is above what a gone node can have written unheard in a run. Members
 * whom a crash forgets are a limit (limit_members_forgotten): their rows are stored within 20 ms. So
 * is a witness that crashes before its word is written (limit_witness_forgets): it is at once.
 */
#ifndef N
#define N 3 /* nodes; lower numbers have lower ids */
#endif
#ifndef A
#define A 4 /* addresses */
#endif
#define G 6 /* generations, 0 to 5; the pool is held by node 0 at generation 0 */
#ifndef C
#define C 4 /* one more than the closures of one node in a run, those in calm with them */
#endif
#ifndef GRANTS
#define GRANTS 1
#endif
#ifndef RAISES
#define RAISES 0
#endif
#ifndef COLLECTS
#define COLLECTS 0
#endif
#ifndef LEASES
#define LEASES 0
#endif
#ifndef REMOVALS
#define REMOVALS 1
#endif
#ifndef LEAVES
#define LEAVES 0
#endif
#ifndef UNHEARD
#define UNHEARD 0 /* grants that a gone node may have written unheard */
#endif
#ifndef CRASHES
#define CRASHES 0
#endif
#ifndef RESTORES
#define RESTORES 0
#endif
#ifndef JOINS
#define JOINS 0 /* 1: the last node is not a member at first */
#endif

#define ALL ((1 << N) - 1)
#define BIT(i) (1 << (i))
#define HAS(set, i) (((set) >> (i)) & 1)
#define CLAIM(k, g) (1 << ((g) * N + (k)))
#define AUTHOR(k) (CLAIM(k, 0) | CLAIM(k, 1) | CLAIM(k, 2) | CLAIM(k, 3) | CLAIM(k, 4) | CLAIM(k, 5))
#define AUTHORS(set) ((HAS(set, 0) -> AUTHOR(0) : 0) | (HAS(set, 1) -> AUTHOR(1) : 0) | \
	(HAS(set, 2) -> AUTHOR(2) : 0) | (N > 3 && HAS(set, 3) -> AUTHOR(N - 1) : 0))
#define NOBODY 15

/* --- what a node has ---------------------------------------------------------------------------- */

int claims[N * A];      /* struct net: those that a node knows, by address */
byte holder[N * A];     /* struct run: follows from claims; NOBODY: none, or a clash */
byte generation[N * A]; /* struct run: follows from claims */
byte members[N];        /* struct peer: known */
byte left[N];           /* struct peer: gone, since it left */
byte removed[N];        /* struct closing: removed */
byte lists[N];          /* left nodes whose rows, up to the record that says so, are here */
byte stored[N];         /* struct removed: is_stored */
byte closers[N * N];    /* struct closing: closers; number of the newest closure, 0: none */
byte met;               /* newcomers that may take up grants */
byte guarded, fenced;
byte leased[N];         /* addresses */
#ifdef FLIGHTS
byte flights[N * A];    /* generation of an own row that is on its way to disk; 0: none */
#endif

/* --- what was written --------------------------------------------------------------------------- */

byte names[N * A * G];  /* whom the claim of an author at a generation names as holder */
int granted[A];         /* those of all claims that are grants */
#if COLLECTS > 0
int tombs[N * A];       /* claims whose tombstone a node knows */
int kept[N * A];        /* others' claims that FLIGHT_KEEP has put on this node's disk */
#endif
#ifdef NO_DURABLE
int told[N * A];        /* own claims that were told and are not durable */
#endif
byte parting[N];        /* whom a left node knew, as its last rows name them */
#ifdef TEXTS
byte text_author = NOBODY, text_address, text_generation; /* the range row with two texts */
byte text_at;           /* nodes that have the other text */
byte words[N];          /* nodes of whose word (witness_put) a node knows */
#endif
short rec_view[N * C];  /* struct rec_closure */
byte rec_rows[N * C * A];
byte rec_generation[N * C];
byte last_closure[N];

/* --- the world ---------------------------------------------------------------------------------- */

byte off;               /* nodes of whose removal anybody knows */
byte synced;            /* struct peer: synced, of the guarded node; one disk is set back a run */
byte shown;             /* struct peer: synced, of the newcomer */
byte admitter = NOBODY;
byte grants, raises, collects, crashes, leaves;
byte touched;           /* addresses are alike: the next one to be used first is the lowest unused */
byte saver = NOBODY;    /* the disk that will be set back: whose, and what was on it */
bool restored;
int saved_claims[A];
byte saved_members, saved_left, saved_removed, saved_closure, saved_leased;

/* Scratch, zero between steps. */
hidden byte h_i, h_j, h_k, h_m, h_a, h_g, h_n;
hidden int h_w, h_keep;
hidden byte h_ok, h_clash;

#define CLAIMS(i, a) claims[(i) * A + (a)]
#define HOLDER(i, a) holder[(i) * A + (a)]
#define TOP(i, a) generation[(i) * A + (a)]
#define NAMES(k, a, g) names[((k) * A + (a)) * G + (g)]
#define CLOSER(i, k) closers[(i) * N + (k)]
#define REC(k, s) ((k) * C + (s))
#if COLLECTS > 0
#define TOMBS(i, a) tombs[(i) * A + (a)]
#else
#define TOMBS(i, a) 0
#endif

#define closure_is_removed(i, x) HAS(removed[i], x)
#define closure_is_gone(i, x) HAS(left[i] | removed[i], x)
#define is_member(i, x) HAS(members[i] & ~left[i] & ~removed[i], x)
#define MEMBERS(i) (members[i] & ~left[i] & ~removed[i])

/* A node that runs, is a member and was not told that it is removed. */
#define IS_IN(i) is_member(i, i)

/* Those whose promises count: who was removed is off, and so is who is known to nobody but to
 * those who were removed. */
#define GONE (off | (HAS(left[0], 0) -> 1 : 0) | (HAS(left[1], 1) -> 2 : 0) | \
	(HAS(left[2], 2) -> 4 : 0) | (N > 3 && HAS(left[N - 1], N - 1) -> BIT(N - 1) : 0))
#define IS_NAMED_BY(m, n) (!HAS(off, m) && (m) != (n) && HAS(members[m], n))
#if JOINS == 0
#define COUNTS(n) (!HAS(off, n))
#else
#define COUNTS(n) (!HAS(off, n) && ((n) != N - 1 || \
	(admitter != NOBODY && !HAS(off, admitter)) || \
	IS_NAMED_BY(0, n) || IS_NAMED_BY(1, n) || IS_NAMED_BY(2, n)))
#endif

#ifdef NO_GUARD
#define db_may_lease(i) (IS_IN(i) && !HAS(fenced, i))
#else
#define db_may_lease(i) (IS_IN(i) && !HAS(fenced | guarded, i))
#endif

/* The range row that gives way at those who have the other text. */
#ifdef TEXTS
#define TEXT(a) (text_author != NOBODY && (a) == text_address -> \
	CLAIM(text_author, text_generation) : 0)
#define HAS_OTHER_TEXT(i) HAS(text_at, i)
#define IS_SANE_USER(i) ((i) != text_author)
/* A grant that was collected and is written again. */
#define WORD(i, a) (HAS(words[i], i) && (a) == text_address -> CLAIM(i, text_generation) : 0)
#else
#define TEXT(a) 0
#define HAS_OTHER_TEXT(i) false
#define IS_SANE_USER(i) true
#define WORD(i, a) 0
#endif

/* struct claim: is_grant, is_void, is_ended. */
#ifdef NO_VOID
#define VOID(i, a) 0
#else
#define VOID(i, a) (granted[a] & AUTHORS(removed[i]))
#endif
#define DROPPED(i, a) (granted[a] & TOMBS(i, a))
#define COUNTED(i, a) (CLAIMS(i, a) & ~VOID(i, a) & ~DROPPED(i, a))

/* struct run: held. */
#ifdef NO_OWN_ROW
#define HELD(i, a) true
#else
#define HELD(i, a) ((CLAIMS(i, a) & ~TOMBS(i, a) & CLAIM(i, TOP(i, a))) != 0)
#endif
#define net_owns(i, a) (HOLDER(i, a) == (i) && HELD(i, a))

/* May the node lease the address now, for all that it knows? Never two at once: the promise. */
#define MAY_USE(i, a) (net_owns(i, a) && db_may_lease(i) && COUNTS(i) && IS_SANE_USER(i))

/* --- claim.c: the owner of an address, as a node sees it ---------------------------------------- */

inline claims_rebuild(i, a)
{
	h_w = COUNTED(i, a);
	h_g = (h_w >= CLAIM(0, 5) -> 5 : (h_w >= CLAIM(0, 4) -> 4 : (h_w >= CLAIM(0, 3) -> 3 :
	      (h_w >= CLAIM(0, 2) -> 2 : (h_w >= CLAIM(0, 1) -> 1 : 0)))));
	TOP(i, a) = h_g;
	HOLDER(i, a) = NOBODY;
	h_k = 0;
	do
	:: h_k < N ->
		if
		:: h_w & CLAIM(h_k, h_g) ->
			/* Two holders at one generation are an alarm, never a tie to break: nobody
			 * has the address. It takes a disk set back to come to that. */
			h_ok = HOLDER(i, a) == NOBODY || HOLDER(i, a) == NAMES(h_k, a, h_g);
			assert(h_ok || restored || !COUNTS(i) || !IS_SANE_USER(i)); /* rule: one_holder */
			HOLDER(i, a) = (h_ok && !h_clash -> NAMES(h_k, a, h_g) : NOBODY);
			h_clash = h_clash || !h_ok;
			h_ok = false
		:: else
		fi;
		h_k++
	:: else -> break
	od;
	h_k = 0;
	do
	:: h_k < N ->
		assert(h_k == (i) || !MAY_USE(i, a) || !MAY_USE(h_k, a)); /* rule: one_user */
		h_k++
	:: else -> break
	od;
	h_k = 0; h_g = 0; h_w = 0; h_clash = false
}

/* After a change of what i may do, or of what counts for it. */
inline rebuild_all(i)
{
	h_a = 0;
	do
	:: h_a < A -> claims_rebuild(i, h_a); h_a++
	:: else -> break
	od;
	h_a = 0
}

/* The same claim is never written twice with different words. */
inline claim_put(i, a, k, g, to)
{
	h_k = 0;
	do
	:: h_k < N ->
		assert((CLAIMS(h_k, a) & CLAIM(k, g)) == 0 || NAMES(k, a, g) == (to) ||
		       !COUNTS(h_k) || !COUNTS(k)); /* rule: one_text */
		h_k++
	:: else -> break
	od;
	h_k = 0;
	NAMES(k, a, g) = to;
	granted[a] = (k == (to) -> granted[a] & ~CLAIM(k, g) : granted[a] | CLAIM(k, g));
	CLAIMS(i, a) = CLAIMS(i, a) | CLAIM(k, g);
	claims_rebuild(i, a)
}

#define TOUCH(a) touched = (touched == (a) -> (a) + 1 : touched)

/* --- donor.c, accept.c, tidy.c, request.c ------------------------------------------------------- */

#ifdef GRANT_LEASED
#define space_is_busy(i, a) false
#else
#define space_is_busy(i, a) HAS(leased[i], a)
#endif

#ifdef FLIGHTS
#define FLIGHT(i, a) flights[(i) * A + (a)]
#else
#define FLIGHT(i, a) 0
#endif

#define MAY_WRITE(i, a) (db_may_lease(i) && net_owns(i, a) && TOP(i, a) < G - 1)

#define MAY_GRANT(i, j, a) (grants < GRANTS && MAY_WRITE(i, a) && is_member(i, j) && \
	!space_is_busy(i, a) && (a) <= touched)

inline grant_begin(i, j, a)
{
	grants++;
	TOUCH(a);
#ifdef NO_DURABLE
	told[i * A + a] = told[i * A + a] | CLAIM(i, TOP(i, a) + 1);
#endif
	claim_put(i, a, i, TOP(i, a) + 1, j)
}

/* A grant is open while it is the last word on the address and unanswered. */
#ifdef NO_MEETING
#define HAS_MET(j) true
#else
#define HAS_MET(j) (JOINS == 0 || (j) != N - 1 || HAS(met, j))
#endif
#define is_open(j, a) (HOLDER(j, a) == (j) && (CLAIMS(j, a) & CLAIM(j, TOP(j, a))) == 0)
#define MAY_ACCEPT(j, a) (db_may_lease(j) && HAS_MET(j) && is_open(j, a) && FLIGHT(j, a) == 0)

inline accept(j, a)
{
#ifdef FLIGHTS
	FLIGHT(j, a) = TOP(j, a)
#else
	claim_put(j, a, j, TOP(j, a), j)
#endif
}

#ifdef FLIGHTS
inline flight_durable(i, a)
{
	h_n = FLIGHT(i, a);
	FLIGHT(i, a) = 0;
	claim_put(i, a, i, h_n, i);
	h_n = 0
}
#endif

/* Own rows are merged into one above them. */
#define MAY_MERGE(i, a) (raises < RAISES && MAY_WRITE(i, a) && (a) <= touched)

inline merge(i, a)
{
	raises++;
	TOUCH(a);
	claim_put(i, a, i, TOP(i, a) + 1, i)
}

/* Own rows that the holder's own row outranks become tombstones, grants up to its generation go.
 * What that relies upon of others is on the disk first. */
#if COLLECTS > 0
#define OUTRANKED(i, a) (CLAIMS(i, a) & AUTHOR(i) & ~TOMBS(i, a) & ~TEXT(a) & ~WORD(i, a) & \
	(((1 << (TOP(i, a) * N)) - 1) | (CLAIM(i, TOP(i, a)) & granted[a])))
#define MAY_COLLECT(i, a) (collects < COLLECTS && db_may_lease(i) && HOLDER(i, a) != NOBODY && \
	(CLAIMS(i, a) & ~TOMBS(i, a) & CLAIM(HOLDER(i, a), TOP(i, a))) != 0 && OUTRANKED(i, a) != 0)

inline collect(i, a)
{
	collects++;
	TOUCH(a);
#ifndef NO_KEEP_CLAIMS
	kept[i * A + a] = kept[i * A + a] | (CLAIMS(i, a) & CLAIM(HOLDER(i, a), TOP(i, a)));
#endif
	TOMBS(i, a) = TOMBS(i, a) | OUTRANKED(i, a);
	claims_rebuild(i, a)
}
#endif

/* --- witness.c ---------------------------------------------------------------------------------- */

#ifdef TEXTS
/* The range is in no table any more: who has heard of it takes it for an ended one. */
inline give_way(i)
{
	text_at = text_at | BIT(i);
	if
	:: CLAIMS(i, text_address) & TEXT(text_address) ->
		TOMBS(i, text_address) = TOMBS(i, text_address) | TEXT(text_address);
		kept[(i) * A + text_address] = kept[(i) * A + text_address] & ~TEXT(text_address);
		claims_rebuild(i, text_address)
	:: else
	fi
}

#define MAY_HEAR_OTHER_TEXT(i, k, a) (text_author == NOBODY && (i) != (k) && TOP(k, a) > 0 && \
	IS_HEARD(k, i) && HOLDER(k, a) == (k) && \
	(CLAIMS(k, a) & ~granted[a] & ~TOMBS(k, a) & CLAIM(k, TOP(k, a))) != 0)

inline hear_other_text(i, k, a)
{
	text_author = k;
	text_address = a;
	text_generation = TOP(k, a);
	give_way(i)
}

/* Who has given the address up because of that range, and has collected all beneath, says so in its
 * place. */
#define MAY_BE_WITNESS(i, a) (text_author != NOBODY && (a) == text_address && (i) != text_author && \
	HAS_OTHER_TEXT(i) && db_may_lease(i) && HOLDER(i, a) == text_author && \
	TOP(i, a) == text_generation && (CLAIMS(i, a) & TOMBS(i, a) & TEXT(a)) != 0 && \
	(TOMBS(i, a) & AUTHOR(i)) != 0 && !HAS(words[i], i) && \
	(CLAIMS(i, a) & ~TOMBS(i, a) & ~granted[a] & AUTHOR(i)) == 0 && \
	(CLAIMS(i, a) & ~TOMBS(i, a) & CLAIM(i, text_generation)) == 0)

inline witness_put(i, a)
{
	words[i] = words[i] | BIT(i);
	TOMBS(i, a) = TOMBS(i, a) & ~CLAIM(i, text_generation);
	claim_put(i, a, i, text_generation, text_author)
}
#endif

/* --- leases ------------------------------------------------------------------------------------- */

#define ONES(set) (HAS(set, 0) + HAS(set, 1) + HAS(set, 2) + HAS(set, 3))
#define MAY_HAND_OUT(i, a) (db_may_lease(i) && net_owns(i, a) && !HAS(leased[i], a) && \
	(a) <= touched && ONES(leased[i]) < LEASES)

/* Does i take the address for its own, whoever else has it? */
#if defined(HOST_LEASES) && !defined(UNHEARD_HOLDERS)
#define USES(i, a) (HAS(leased[i], a) && !HAS(fenced | guarded, i))
#else
#define USES(i, a) HAS(leased[i], a)
#endif

inline lease(i, a)
{
	TOUCH(a);
	leased[i] = leased[i] | BIT(a);
	h_k = 0;
	do
	:: h_k < N ->
		assert(h_k == i || !USES(h_k, a) || !COUNTS(h_k) || !COUNTS(i) ||
		       HAS(left[h_k], h_k)); /* rule: one_lease */
		h_k++
	:: else -> break
	od;
	h_k = 0
}

/* --- gossip ------------------------------------------------------------------------------------- */

/* Nobody hears a node of whose removal he knows, or whom he does not know. */
#define IS_HEARD(i, j) (IS_IN(i) && HAS(members[j], j) && !HAS(left[j], j) && HAS(members[i], j) && \
	HAS(members[j], i) && !HAS(removed[i], j) && !HAS(removed[j], i) && !HAS(removed[j], j))

/* A row of its own that it never wrote: the disk went back. It is kept: who showed it may be gone
 * when recover is run. */
inline adopt_row(j, a, w)
{
#ifndef NO_FENCE
	if
	:: (w) & ~CLAIMS(j, a) ->
		fenced = fenced | BIT(j);
		CLAIMS(j, a) = CLAIMS(j, a) | (w);
		claims_rebuild(j, a)
	:: else
	fi
#else
	skip
#endif
}

inline tell_claims(i, j, k)
{
	lists[j] = lists[j] | (lists[i] & BIT(k));
#ifdef TEXTS
	if
	:: k == text_author && k != j && HAS_OTHER_TEXT(i) && !HAS_OTHER_TEXT(j) -> give_way(j)
	:: else
	fi;
	words[j] = words[j] | (words[i] & BIT(k));
#endif
	h_a = 0;
	do
	:: h_a < A ->
#if COLLECTS > 0
		TOMBS(j, h_a) = TOMBS(j, h_a) | (TOMBS(i, h_a) & AUTHOR(k) & ~TEXT(h_a));
#endif
#ifdef TEXTS
		TOMBS(j, h_a) = (HAS(words[j], k) && h_a == text_address ->
			TOMBS(j, h_a) & ~CLAIM(k, text_generation) : TOMBS(j, h_a));
#endif
		if
		:: k == j -> adopt_row(j, h_a, CLAIMS(i, h_a) & AUTHOR(k))
		:: else ->
			CLAIMS(j, h_a) = CLAIMS(j, h_a) | (CLAIMS(i, h_a) & AUTHOR(k) & \
				~(HAS_OTHER_TEXT(i) || HAS_OTHER_TEXT(j) -> TEXT(h_a) : 0));
			claims_rebuild(j, h_a)
		fi;
		h_a++
	:: else -> break
	od;
	h_a = 0
}

#define NEWER_CLOSURES(i, j) (CLOSER(i, 0) > CLOSER(j, 0) || CLOSER(i, 1) > CLOSER(j, 1) || \
	CLOSER(i, 2) > CLOSER(j, 2) || CLOSER(i, N - 1) > CLOSER(j, N - 1))

inline tell_closures(i, j)
{
	h_k = 0;
	do
	:: h_k < N ->
		if
		:: CLOSER(i, h_k) > CLOSER(j, h_k) ->
#ifdef NO_FENCE
			if
			:: h_k == (j)
			:: else -> CLOSER(j, h_k) = CLOSER(i, h_k)
			fi
#else
			fenced = (h_k == (j) -> fenced | BIT(j) : fenced);
			CLOSER(j, h_k) = CLOSER(i, h_k)
#endif
		:: else
		fi;
		h_k++
	:: else -> break
	od;
	h_k = 0
}

#define NEWER_MEMBERS(i, j) ((members[i] & ~members[j]) || (left[i] & ~left[j] & ~BIT(j)))

/* The record of a node that leaves comes first, and perhaps alone. */
#define MAY_SAY_FAREWELL(i, j) (HAS(left[i], i) && HAS(members[i], j) && IS_IN(j) && \
	HAS(members[j], i) && !HAS(removed[j], i) && !HAS(left[j], i))

inline say_farewell(i, j)
{
	left[j] = left[j] | BIT(i);
	rebuild_all(j)
}

inline tell_members(i, j)
{
	members[j] = members[j] | members[i];
	left[j] = left[j] | (left[i] & ~BIT(j))
}

/* Removals travel alone, and are heard of members only; who is removed is told even by those who do
 * not hear him. */
inline tell_removals(i, j)
{
	removed[j] = removed[j] | removed[i];
#ifdef MUTUAL
	off = (HAS(off, j) -> off : off | removed[j]);
#endif
	rebuild_all(j)
}

/* A newcomer shows its record to a member that knows who admitted it. */
#define MAY_INTRODUCE(n, j) (n == N - 1 && IS_IN(n) && HAS(members[n], j) && HAS(members[j], j) && \
	!HAS(left[j], j) && !HAS(removed[j], j) && \
	!HAS(members[j], n) && (admitter == j || (HAS(members[j], admitter) && !HAS(removed[j], admitter))))

/* --- closure.c ---------------------------------------------------------------------------------- */

/* Members (who left is marked) and removals. */
#ifdef NO_VIEW_MEMBERS
#define closure_view(i) (removed[i] << 8)
#else
#define closure_view(i) ((members[i] & ~removed[i]) | ((left[i] & ~removed[i]) << 4) | (removed[i] << 8))
#endif

#define closure_forfeits(i, x) (closure_is_gone(i, x) && (x) != (i))

#define HAS_CLOSED(i, view) (CLOSER(i, i) != 0 && rec_view[REC(i, CLOSER(i, i))] == (view))

#define wants_closure(i) ((left[i] | removed[i]) && last_closure[i] < C - 1 && \
	!HAS_CLOSED(i, closure_view(i)))

/* No own row is on its way to disk. */
#ifdef NO_SETTLED
#define is_settled(i) true
#else
#define is_settled(i) (FLIGHT(i, 0) == 0 && FLIGHT(i, A - 1) == 0)
#endif

#define MAY_CLOSE(i) (db_may_lease(i) && wants_closure(i) && is_settled(i))

/* The generations of author k's claims on an address, as a set. */
#define ROWS_OF(i, k, a) (HAS(CLAIMS(i, a), k) | (HAS(CLAIMS(i, a), N + (k)) << 1) | \
	(HAS(CLAIMS(i, a), 2 * N + (k)) << 2) | (HAS(CLAIMS(i, a), 3 * N + (k)) << 3) | \
	(HAS(CLAIMS(i, a), 4 * N + (k)) << 4) | (HAS(CLAIMS(i, a), 5 * N + (k)) << 5))

/* The highest generation of what is known of gone nodes: h_n. */
inline closure_top(i)
{
	h_n = 0;
	h_j = 0;
	do
	:: h_j < A ->
		h_g = h_n + 1;
		do
		:: h_g < G ->
			h_k = 0;
			do
			:: h_k < N ->
				if
				:: (CLAIMS(i, h_j) & CLAIM(h_k, h_g)) &&
				   (closure_is_gone(i, h_k) || closure_is_gone(i, NAMES(h_k, h_j, h_g))) ->
					h_n = h_g
				:: else
				fi;
				h_k++
			:: else -> break
			od;
			h_g++
		:: else -> break
		od;
		h_j++
	:: else -> break
	od;
	h_g = 0; h_k = 0; h_j = 0
}

inline closure_write(i)
{
#ifndef NO_KEEP
	stored[i] = removed[i];
#endif
	last_closure[i]++;
	h_m = last_closure[i];
	CLOSER(i, i) = h_m;
	rec_view[REC(i, h_m)] = closure_view(i);
	closure_top(i);
	rec_generation[REC(i, h_m)] = h_n;
	h_a = 0;
	do
	:: h_a < A -> rec_rows[REC(i, h_m) * A + h_a] = ROWS_OF(i, i, h_a); h_a++
	:: else -> break
	od;
	h_a = 0; h_n = 0; h_m = 0
}

/* --- reclaim.c ---------------------------------------------------------------------------------- */

/* More than a gone node can have written unheard. */
#ifdef NO_STEP
#define RECLAIM_STEP 1
#else
#define RECLAIM_STEP (1 + RAISES + UNHEARD)
#endif
#define COUNT_GONE(r) (closure_is_gone(r, 0) + closure_is_gone(r, 1) + closure_is_gone(r, 2) + \
	(N > 3 && closure_is_gone(r, N - 1)))
#ifdef NO_STEPS
#define STEPS(r) RECLAIM_STEP
#else
#define STEPS(r) (RECLAIM_STEP * COUNT_GONE(r))
#endif
/* Of two texts of one version either one is that version. */
#ifdef TEXTS
#define OTHER_TEXT(r, k, a) ((k) == text_author && (a) == text_address && HAS_OTHER_TEXT(r) -> \
	BIT(text_generation) : 0)
#else
#define OTHER_TEXT(r, k, a) 0
#endif
#define LACKS(r, k, a) (rec_rows[REC(k, CLOSER(r, k)) * A + (a)] & ~ROWS_OF(r, k, a) & \
	~OTHER_TEXT(r, k, a))
#ifdef NO_ROWS
#define has_rows(r, k) true
#elif A == 1
#define has_rows(r, k) (LACKS(r, k, 0) == 0)
#elif A == 2
#define has_rows(r, k) ((LACKS(r, k, 0) | LACKS(r, k, 1)) == 0)
#else
#define has_rows(r, k) ((LACKS(r, k, 0) | LACKS(r, k, 1) | LACKS(r, k, A - 2) | LACKS(r, k, A - 1)) == 0)
#endif

#define SHOWS_VIEW(r, k) (rec_view[REC(k, CLOSER(r, k))] == closure_view(r))

#define is_blocked(r, k) (is_member(r, k) && \
	!(CLOSER(r, k) != 0 && SHOWS_VIEW(r, k) && ((k) == (r) || has_rows(r, k))))

#ifdef NO_WAITING
#define blocks(r) is_blocked(r, r)
#else
#define blocks(r) (is_blocked(r, 0) || is_blocked(r, 1) || is_blocked(r, 2) || \
	(N > 3 && is_blocked(r, N - 1)))
#endif

#ifdef LOW_NEWCOMER
#define ORDER(i) (((i) + 1) % N)
#else
#define ORDER(i) (i)
#endif
#define BELOW(r, k) (ORDER(k) < ORDER(r) && is_member(r, k))
#ifdef NO_LOWEST
#define is_lowest(r) true
#else
#define is_lowest(r) (!BELOW(r, 0) && !BELOW(r, 1) && !BELOW(r, 2) && !(N > 3 && BELOW(r, N - 1)))
#endif

#define is_forfeit(r, a) (HOLDER(r, a) != NOBODY && closure_forfeits(r, HOLDER(r, a)) && FLIGHT(r, a) == 0)
#if A == 1
#define reclaim_is_due(r) is_forfeit(r, 0)
#elif A == 2
#define reclaim_is_due(r) (is_forfeit(r, 0) || is_forfeit(r, 1))
#else
#define reclaim_is_due(r) (is_forfeit(r, 0) || is_forfeit(r, 1) || is_forfeit(r, A - 2) || is_forfeit(r, A - 1))
#endif

/* Who left has named those whom it knew: the reclaimer knows them, too. */
#define KNOWS_FRIENDS(r, x) (!HAS(left[r] & ~removed[r], x) || \
	(HAS(lists[r], x) && (parting[x] & ~members[r] & ~removed[r]) == 0))
#ifdef NO_PARTING
#define is_alone(r) false
#else
#define is_alone(r) (!KNOWS_FRIENDS(r, 0) || !KNOWS_FRIENDS(r, 1) || !KNOWS_FRIENDS(r, 2) || \
	(N > 3 && !KNOWS_FRIENDS(r, N - 1)))
#endif
#define MAY_RECLAIM(r) (db_may_lease(r) && is_lowest(r) && reclaim_is_due(r) && !blocks(r) && \
	!is_alone(r))

inline top_of_all(r)
{
	closure_top(r);
#ifndef NO_GENERATION
	h_k = 0;
	do
	:: h_k < N ->
		if
		:: CLOSER(r, h_k) != 0 && rec_generation[REC(h_k, CLOSER(r, h_k))] > h_n ->
			h_n = rec_generation[REC(h_k, CLOSER(r, h_k))]
		:: else
		fi;
		h_k++
	:: else -> break
	od;
	h_k = 0
#endif
}

inline net_reclaim(r)
{
	top_of_all(r);
	h_i = 0;
	do
	:: h_i < A ->
		h_m = h_n + STEPS(r);
		if
		:: TOP(r, h_i) + 1 > h_m -> h_m = TOP(r, h_i) + 1
		:: else
		fi;
		if
		:: is_forfeit(r, h_i) && h_m < G ->
#ifdef FLIGHTS
			FLIGHT(r, h_i) = h_m
#else
			claim_put(r, h_i, r, h_m, r)
#endif
		:: else
		fi;
		h_i++
	:: else -> break
	od;
	h_i = 0; h_m = 0; h_n = 0
}

/* --- removal, leave ----------------------------------------------------------------------------- */

/* A known limit, not followed unless -DLOST_TIME: a disk forgot a claim, and the only node that
 * remembers it is removed, but still reaches somebody who has not heard of the removal. */
#define KNOWN_BY(i, x, a) ((i) == (x) || HAS(off, i) -> 0 : \
	((i) == saver && !restored -> saved_claims[a] : CLAIMS(i, a)))
#define REMEMBERS(x, a) (CLAIMS(x, a) & AUTHOR(saver) & ~(KNOWN_BY(0, x, a) | KNOWN_BY(1, x, a) | \
	KNOWN_BY(2, x, a) | KNOWN_BY(N - 1, x, a)))
#define REMEMBERS_ALONE(x) ((x) != saver && (REMEMBERS(x, 0) || REMEMBERS(x, A / 3) || \
	REMEMBERS(x, A / 2) || REMEMBERS(x, A - 1)))
#ifdef LOST_TIME
#define MAY_BE_REMOVED(x) true
#define MAY_BE_SET_BACK true
#else
#define MAY_BE_REMOVED(x) (!restored || !REMEMBERS_ALONE(x))
#define MAY_BE_SET_BACK (!(HAS(off, 0) && REMEMBERS_ALONE(0)) && \
	!(HAS(off, 1) && REMEMBERS_ALONE(1)) && !(HAS(off, 2) && REMEMBERS_ALONE(2)))
#endif

#define COUNT_OFF (HAS(off, 0) + HAS(off, 1) + HAS(off, 2) + HAS(off, 3))
#if JOINS > 0
#define IS_FIRST(x) ((x) == 0)
#else
#define IS_FIRST(x) true
#endif
#ifdef MUTUAL
#define MAY_BE_AUTHOR(i) true
#else
#define MAY_BE_AUTHOR(i) (!HAS(off, i))
#endif
#define MAY_REMOVE(i, x) (IS_FIRST(x) && COUNT_OFF < REMOVALS && IS_IN(i) && MAY_BE_AUTHOR(i) && is_member(i, x) && \
	!HAS(off, x) && MAY_BE_REMOVED(x))

inline closure_removal(i, x)
{
	off = (HAS(off, i) -> off : off | BIT(x));
	removed[i] = removed[i] | BIT(x);
	rebuild_all(i)
}

/* donor_is_owed(): a grant of its own whose recipient's row it has not seen. */
#define IS_OWED(i, a) ((CLAIMS(i, a) & ~TOMBS(i, a) & CLAIM(i, TOP(i, a)) & granted[a]) != 0 && \
	(CLAIMS(i, a) & CLAIM(HOLDER(i, a), TOP(i, a))) == 0)
#define IS_BOUND(i, a) (net_owns(i, a) || IS_OWED(i, a) || HAS(leased[i], a) || FLIGHT(i, a) != 0)
#define HAS_OTHERS(i) ((MEMBERS(i) & ~BIT(i)) != 0)
#define MAY_LEAVE(i) (leaves < LEAVES && db_may_lease(i) && HAS_OTHERS(i) && \
	!IS_BOUND(i, 0) && !IS_BOUND(i, A / 2) && !IS_BOUND(i, A / 3) && !IS_BOUND(i, A - 1))

inline handover_end(i)
{
	leaves++;
	left[i] = left[i] | BIT(i);
	lists[i] = lists[i] | BIT(i);
	parting[i] = members[i] & ~removed[i] & ~BIT(i);
	rebuild_all(i)
}

/* --- crash, a disk set back ---------------------------------------------------------------------- */

/* What of the claims survives: its own, those that were kept, and the first owner, whom the
 * network's fact names. */
#if COLLECTS > 0
#define KEPT(i, a) (AUTHOR(i) | CLAIM(0, 0) | kept[(i) * A + (a)])
#else
#define KEPT(i, a) (AUTHOR(i) | CLAIM(0, 0))
#endif

inline crash(i)
{
	crashes++;
	lists[i] = 0;
	shown = (i == N - 1 -> 0 : shown);
	removed[i] = removed[i] & stored[i];
#ifdef FORGET_MEMBERS
	members[i] = members[i] & ~(JOINS << (N - 1)) | BIT(i);
#endif
	h_j = 0;
	do
	:: h_j < N -> CLOSER(i, h_j) = (h_j == (i) -> CLOSER(i, h_j) : 0); h_j++
	:: else -> break
	od;
#ifdef TEXTS
	text_at = text_at & ~BIT(i);
	words[i] = words[i] & BIT(i);
#endif
	h_j = 0;
	do
	:: h_j < A ->
		CLAIMS(i, h_j) = CLAIMS(i, h_j) & KEPT(i, h_j);
#if COLLECTS > 0
		TOMBS(i, h_j) = TOMBS(i, h_j) & AUTHOR(i);
#endif
#ifdef NO_DURABLE
		CLAIMS(i, h_j) = CLAIMS(i, h_j) & ~told[i * A + h_j];
		told[i * A + h_j] = 0;
#endif
#ifdef FLIGHTS
		FLIGHT(i, h_j) = 0;
#endif
		claims_rebuild(i, h_j);
		h_j++
	:: else -> break
	od;
	h_j = 0
}

inline save(i)
{
	saver = i;
	h_a = 0;
	do
	:: h_a < A -> saved_claims[h_a] = CLAIMS(i, h_a) & KEPT(i, h_a); h_a++
	:: else -> break
	od;
	h_a = 0;
	saved_members = members[i];
	saved_left = left[i];
	saved_removed = stored[i];
	saved_closure = CLOSER(i, i);
	saved_leased = leased[i]
}

inline restore(i)
{
	restored = true;
	guarded = guarded | BIT(i);
	fenced = fenced & ~BIT(i);
#ifdef HOST_LEASES
	leased[i] = saved_leased;
#else
	leased[i] = leased[i] & saved_leased;
#endif
	saved_leased = 0;
	lists[i] = 0;
	members[i] = saved_members; saved_members = 0;
	left[i] = saved_left; saved_left = 0;
	removed[i] = saved_removed; saved_removed = 0;
	stored[i] = removed[i];
	h_j = 0;
	do
	:: h_j < N -> CLOSER(i, h_j) = 0; h_j++
	:: else -> break
	od;
	CLOSER(i, i) = saved_closure; saved_closure = 0;
	h_j = 0;
	do
	:: h_j < A ->
		CLAIMS(i, h_j) = saved_claims[h_j]; saved_claims[h_j] = 0; claims_rebuild(i, h_j); h_j++
	:: else -> break
	od;
	h_j = 0;
	synced = 0
}

inline hear_all(i, k)
{
	tell_removals(k, i);
	tell_members(k, i);
	tell_closures(k, i);
	h_j = 0;
	do
	:: h_j < N -> tell_claims(k, i, h_j); h_j++
	:: else -> break
	od;
	h_j = 0
}

/* Whom must a newcomer have met? */
#ifdef NO_ADMITTER
#define MEETS(i, k) true
#else
#define IS_EXPECTED(i) (HAS(lists[i], admitter) && HAS(parting[admitter], i))
#ifdef NO_LISTED
#define MEETS(i, k) (HAS(met, i) || (k) == admitter || closure_is_gone(i, admitter))
#else
#define MEETS(i, k) (HAS(met, i) || (k) == admitter || closure_is_removed(i, admitter) || \
	(HAS(left[i], admitter) && (IS_EXPECTED(i) || (MEMBERS(i) & ~BIT(i) & ~shown & ~BIT(k)) == 0)))
#endif
#endif
#define NEEDS_SYNC(i) (HAS(guarded, i) || (JOINS > 0 && (i) == N - 1 && !HAS(met, i)))

/* guard_review(): `all` waits for every member it knows, `one` for any. */
#ifdef GUARD_ONE
#define HAS_SYNCED(i) true
#else
#define HAS_SYNCED(i) ((MEMBERS(i) & ~(synced | BIT(i))) == 0)
#endif

inline sync(i, k)
{
	hear_all(i, k);
	shown = (i == N - 1 && JOINS > 0 && LEAVES > 0 -> shown | BIT(k) : shown);
	if
	:: JOINS > 0 && i == N - 1 && MEETS(i, k) ->
		met = met | BIT(i);
#ifndef NO_MEETING_STORED
		stored[i] = removed[i]
#endif
	:: else
	fi;
	if
	:: HAS(guarded, i) ->
		synced = synced | BIT(k);
		if
		:: HAS_SYNCED(i) -> guarded = guarded & ~BIT(i); synced = 0; rebuild_all(i)
		:: else
		fi
	:: else
	fi
}

#ifdef HOST_LEASES
inline drop_strays(i)
{
	h_a = 0;
	do
	:: h_a < A ->
		leased[i] = (net_owns(i, h_a) -> leased[i] : leased[i] & ~BIT(h_a));
		h_a++
	:: else -> break
	od;
	h_a = 0
}
#endif

/* node recover: who is a member is heard first, then of each member what there is. */
inline recover(i)
{
	h_m = 0;
	do
	:: h_m < N ->
		if
		:: h_m != i && is_member(i, h_m) && HAS(members[h_m], i) ->
			tell_removals(h_m, i);
			tell_members(h_m, i)
		:: else
		fi;
		h_m++
	:: else -> break
	od;
	h_m = 0;
	do
	:: h_m < N ->
		if
		:: h_m != i && is_member(i, h_m) && HAS(members[h_m], i) -> hear_all(i, h_m)
		:: else
		fi;
		h_m++
	:: else -> break
	od;
	h_m = 0;
	fenced = fenced & ~BIT(i);
	guarded = guarded & ~BIT(i);
	rebuild_all(i);
#ifdef HOST_LEASES
	drop_strays(i)
#endif
}

/* --- a newcomer ---------------------------------------------------------------------------------- */

#define MAY_ADMIT(k, n) (IS_IN(k) && !HAS(fenced, k) && admitter == NOBODY && !HAS(removed[k], n))

/* Who admits tells of its members; it knows the newcomer when this one speaks. */
inline admit(k, n)
{
	admitter = k;
	members[n] = MEMBERS(k) | BIT(n);
	h_a = 0;
	do
	:: h_a < A -> claims_rebuild(n, h_a); h_a++
	:: else -> break
	od;
	h_a = 0
}

/* --- calm ---------------------------------------------------------------------------------------- */

hidden byte c_i, c_k, c_round, c_holder;

#define IS_SANE(i) (HAS(members[i], i) && COUNTS(i) && !HAS(left[i], i))

inline calm_hear()
{
	c_i = 0;
	do
	:: c_i < N ->
		c_k = 0;
		do
		:: c_k < N ->
			if
			:: c_k != c_i && IS_SANE(c_i) && IS_SANE(c_k) && (HAS(members[c_i], c_k) || HAS(members[c_k], c_i)) ->
				members[c_i] = members[c_i] | BIT(c_k);
				members[c_k] = members[c_k] | BIT(c_i);
				hear_all(c_i, c_k)
			:: else
			fi;
			c_k++
		:: else -> break
		od;
		c_i++
	:: else -> break
	od
}

inline calm_act(i)
{
	if
	:: HAS(fenced, i) -> recover(i)
	:: else
	fi;
	guarded = guarded & ~BIT(i);
	met = met | (BIT(i) & BIT(N - 1));
	/* A removal, or a leave, that only removed nodes have heard of is said again. */
	removed[i] = removed[i] | off;
	left[i] = left[i] | GONE & ~off;
	lists[i] = lists[i] | left[i] & ~off;
	rebuild_all(i);
	c_k = 0;
	do
	:: c_k < A ->
#ifdef FLIGHTS
		if
		:: FLIGHT(i, c_k) -> flight_durable(i, c_k)
		:: else
		fi;
#endif
		if
		:: MAY_ACCEPT(i, c_k) -> accept(i, c_k)
		:: else
		fi;
#if defined(TEXTS) && !defined(NO_WITNESS)
		if
		:: MAY_BE_WITNESS(i, c_k) -> witness_put(i, c_k)
		:: else
		fi;
#endif
		c_k++
	:: else -> break
	od;
	if
	:: MAY_CLOSE(i) -> closure_write(i)
	:: else
	fi;
	if
	:: MAY_RECLAIM(i) -> net_reclaim(i)
	:: else
	fi
}

/* Each address belongs to a member, in the view of all, and who leases it owns it. */
inline calm_check()
{
	c_k = 0;
	do
	:: c_k < A ->
		c_holder = NOBODY;
		c_i = 0;
		do
		:: c_i < N ->
			if
			:: IS_SANE(c_i) ->
				assert(HOLDER(c_i, c_k) != NOBODY &&
				       !HAS(GONE, HOLDER(c_i, c_k))); /* rule: calm_owned */
				assert(c_holder == NOBODY ||
				       c_holder == HOLDER(c_i, c_k)); /* rule: calm_agreed */
				assert(!HAS(leased[c_i], c_k) ||
				       HOLDER(c_i, c_k) == c_i); /* rule: calm_leased */
				c_holder = HOLDER(c_i, c_k)
			:: else
			fi;
			c_i++
		:: else -> break
		od;
		assert(c_holder == NOBODY || net_owns(c_holder, c_k)); /* rule: calm_known */
		c_k++
	:: else -> break
	od
}

#define ZERO(array, count) c_i = 0; do :: c_i < (count) -> array[c_i] = 0; c_i++ :: else -> break od

inline forget()
{
	ZERO(claims, N * A); ZERO(holder, N * A); ZERO(generation, N * A);
	ZERO(members, N); ZERO(left, N); ZERO(removed, N); ZERO(stored, N); ZERO(closers, N * N);
	ZERO(leased, N); ZERO(names, N * A * G); ZERO(granted, A);
	ZERO(rec_view, N * C); ZERO(rec_rows, N * C * A); ZERO(rec_generation, N * C);
	ZERO(last_closure, N); ZERO(saved_claims, A); ZERO(lists, N); ZERO(parting, N);
#ifdef FLIGHTS
	ZERO(flights, N * A);
#endif
#if COLLECTS > 0
	ZERO(tombs, N * A); ZERO(kept, N * A);
#endif
#ifdef TEXTS
	ZERO(words, N);
	text_author = NOBODY; text_address = 0; text_generation = 0; text_at = 0;
#endif
	met = 0; guarded = 0; fenced = 0; off = 0; synced = 0; shown = 0; admitter = 0;
	grants = 0; raises = 0; collects = 0; crashes = 0; leaves = 0; touched = 0;
	saver = 0; restored = false;
	saved_members = 0; saved_left = 0; saved_removed = 0; saved_closure = 0;
	saved_leased = 0;
	c_i = 0; c_k = 0; c_round = 0; c_holder = 0
}

inline calm()
{
#ifdef TEXTS
	/* An alarm was seen: whoever is mad is removed. */
	off = (text_author != NOBODY -> off | BIT(text_author) : off);
#endif
	c_round = 0;
	do
	:: c_round < 6 ->
		calm_hear();
		c_i = 0;
		do
		:: c_i < N ->
			if
			:: IS_SANE(c_i) -> calm_act(c_i)
			:: else
			fi;
			c_i++
		:: else -> break
		od;
		c_round++
	:: else -> break
	od;
	calm_hear();
	calm_check();
	forget()
}

/* --- the world ----------------------------------------------------------------------------------- */

inline start()
{
	c_i = 0;
	do
	:: c_i < N - JOINS ->
		members[c_i] = ALL & ~(JOINS << (N - 1));
		c_k = 0;
		do
		:: c_k < A -> CLAIMS(c_i, c_k) = CLAIM(0, 0); claims_rebuild(c_i, c_k); c_k++
		:: else -> break
		od;
		c_i++
	:: else -> break
	od;
	c_i = 0; c_k = 0;
#ifdef UNNAMED
	/* 2 admits 3 and leaves before it hears of it; 1 removes 0, whom neither tells. */
	admit(2, N - 1);
	handover_end(2);
	closure_removal(1, 0)
#endif
#ifdef UNSEEN
	/* 1 leaves; 0 gives it an address before it hears of that: that is UNHEARD. */
	handover_end(1);
	grant_begin(0, 1, 0)
#endif
}

#ifdef FLIGHTS
#define DURABLE(i, a) \
	:: d_step { FLIGHT(i, a) != 0 && HAS(members[i], i) -> printf("%d has committed %d\n", i, a); flight_durable(i, a) }
#else
#define DURABLE(i, a)
#endif
#if RAISES > 0
#define MERGE(i, a) \
	:: d_step { MAY_MERGE(i, a) -> printf("%d merges %d\n", i, a); merge(i, a) }
#else
#define MERGE(i, a)
#endif
#if LEASES > 0
#define LEASE(i, a) \
	:: d_step { MAY_HAND_OUT(i, a) -> printf("%d leases %d\n", i, a); lease(i, a) } \
	:: d_step { HAS(leased[i], a) && IS_IN(i) -> printf("%d releases %d\n", i, a); leased[i] = leased[i] & ~BIT(a) }
#else
#define LEASE(i, a)
#endif

#if COLLECTS > 0
#define COLLECT(i, a) \
	:: d_step { MAY_COLLECT(i, a) -> printf("%d collects %d\n", i, a); collect(i, a) }
#else
#define COLLECT(i, a)
#endif

#if defined(TEXTS) && !defined(NO_WITNESS)
#define WITNESS(i, a) \
	:: d_step { MAY_BE_WITNESS(i, a) -> printf("%d says who had %d\n", i, a); witness_put(i, a) }
#else
#define WITNESS(i, a)
#endif
#ifdef TEXTS
#define OTHER_TEXT_OF(i, k, a) \
	:: d_step { MAY_HEAR_OTHER_TEXT(i, k, a) -> printf("%d hears another text of what %d says of %d\n", i, k, a); hear_other_text(i, k, a) }
#else
#define OTHER_TEXT_OF(i, k, a)
#endif

#define AT_ADDRESS(i, a) COLLECT(i, a) DURABLE(i, a) MERGE(i, a) LEASE(i, a) WITNESS(i, a) \
	:: d_step { MAY_ACCEPT(i, a) -> printf("%d accepts %d\n", i, a); accept(i, a) }

#define GRANT_TO(i, j, a) \
	:: d_step { MAY_GRANT(i, j, a) -> printf("%d grants %d to %d\n", i, a, j); grant_begin(i, j, a) }

#if defined(ALL_AT_ONCE)
#define TELL_CLAIMS(i, j, k)
#elif defined(WHOLE)
/* Claims of all authors travel together. */
#define TELL_CLAIMS(i, j, k) \
	:: d_step { (k) == 0 && IS_HEARD(i, j) -> printf("%d tells all claims to %d\n", i, j); \
		    tell_claims(i, j, 0); tell_claims(i, j, 1); tell_claims(i, j, 2); \
		    tell_claims(i, j, N - 1) }
#else
#define TELL_CLAIMS(i, j, k) \
	:: d_step { IS_HEARD(i, j) && HAS(members[i], k) -> printf("%d tells claims of %d to %d\n", i, k, j); tell_claims(i, j, k) }
#endif

#ifdef FACTS_FIRST
#define TELL_FACTS(i, j) \
	:: d_step { IS_HEARD(i, j) && NEWER_CLOSURES(i, j) -> \
		    printf("%d tells closures to %d\n", i, j); tell_removals(i, j); tell_closures(i, j) }
#else
#define TELL_FACTS(i, j)
#endif
#ifdef ALL_AT_ONCE
#define TELL(i, j) \
	TELL_FACTS(i, j) \
	:: d_step { IS_HEARD(i, j) -> printf("%d tells all to %d\n", i, j); hear_all(j, i) } \
	:: d_step { NEEDS_SYNC(i) && IS_HEARD(i, j) && IS_HEARD(j, i) -> \
		    printf("%d syncs with %d\n", i, j); sync(i, j) }
#else
#define TELL(i, j) \
	:: d_step { IS_HEARD(i, j) && NEWER_CLOSURES(i, j) -> \
		    printf("%d tells closures to %d\n", i, j); tell_closures(i, j) } \
	:: d_step { IS_HEARD(i, j) && NEWER_MEMBERS(i, j) -> \
		    printf("%d tells members to %d\n", i, j); tell_members(i, j) } \
	:: d_step { IS_IN(i) && HAS(members[i], j) && HAS(members[j], j) && !HAS(left[j], j) && \
		    !HAS(removed[j], i) && (removed[i] & ~removed[j]) -> \
		    printf("%d tells removals to %d\n", i, j); tell_removals(i, j) } \
	:: d_step { NEEDS_SYNC(i) && IS_HEARD(i, j) && IS_HEARD(j, i) -> \
		    printf("%d syncs with %d\n", i, j); sync(i, j) }
#endif

#if LEAVES > 0
#define FAREWELL(i, j) \
	:: d_step { MAY_SAY_FAREWELL(i, j) -> printf("%d says farewell to %d\n", i, j); say_farewell(i, j) } \
	:: d_step { MAY_SAY_FAREWELL(i, j) -> printf("%d says farewell with all rows to %d\n", i, j); \
		    say_farewell(i, j); tell_claims(i, j, i) }
#else
#define FAREWELL(i, j)
#endif

#define REMOVED(i, x) \
	:: d_step { MAY_REMOVE(i, x) -> printf("%d removes %d\n", i, x); closure_removal(i, x) }

#if JOINS > 0
#define NEWCOMER(j) \
	:: d_step { MAY_ADMIT(j, N - 1) -> printf("%d admits %d\n", j, N - 1); admit(j, N - 1) } \
	:: d_step { MAY_INTRODUCE(N - 1, j) -> printf("%d shows itself to %d\n", N - 1, j); members[j] = members[j] | BIT(N - 1) }
#else
#define NEWCOMER(j)
#endif
#if LEAVES > 0
#define LEAVE(i) \
	:: d_step { MAY_LEAVE(i) -> printf("%d leaves\n", i); handover_end(i) }
#else
#define LEAVE(i)
#endif
#if CRASHES > 0
#define CRASH(i) \
	:: d_step { crashes < CRASHES && IS_IN(i) -> printf("%d crashes\n", i); crash(i) }
#else
#define CRASH(i)
#endif
#if RESTORES > 0
#define RESTORE(i) \
	:: d_step { saver == NOBODY && IS_IN(i) -> printf("%d is saved\n", i); save(i) } \
	:: d_step { saver == i && !restored && MAY_BE_SET_BACK -> printf("%d is set back\n", i); restore(i) } \
	:: d_step { HAS(fenced, i) && IS_IN(i) -> printf("%d recovers\n", i); recover(i) }
#else
#define RESTORE(i)
#endif

#define FAULTS(i) LEAVE(i) CRASH(i) RESTORE(i) \
	:: d_step { MAY_CLOSE(i) -> printf("%d closes\n", i); closure_write(i) } \
	:: d_step { MAY_RECLAIM(i) -> printf("%d reclaims\n", i); net_reclaim(i) }

#if A == 1
#define EACH_ADDRESS(i) AT_ADDRESS(i, 0)
#define EACH_GRANT(i, j) GRANT_TO(i, j, 0)
#elif A == 4
#define EACH_ADDRESS(i) AT_ADDRESS(i, 0) AT_ADDRESS(i, 1) AT_ADDRESS(i, 2) AT_ADDRESS(i, 3)
#define EACH_GRANT(i, j) GRANT_TO(i, j, 0) GRANT_TO(i, j, 1) GRANT_TO(i, j, 2) GRANT_TO(i, j, 3)
#else
#define EACH_ADDRESS(i) AT_ADDRESS(i, 0) AT_ADDRESS(i, 1)
#define EACH_GRANT(i, j) GRANT_TO(i, j, 0) GRANT_TO(i, j, 1)
#endif
#if N == 4
#define EACH_CLAIM(i, j) TELL_CLAIMS(i, j, 0) TELL_CLAIMS(i, j, 1) TELL_CLAIMS(i, j, 2) TELL_CLAIMS(i, j, 3)
#else
#define EACH_CLAIM(i, j) TELL_CLAIMS(i, j, 0) TELL_CLAIMS(i, j, 1) TELL_CLAIMS(i, j, 2)
#endif

#define BETWEEN(i, j) OTHER_TEXT_OF(i, j, 0) TELL(i, j) FAREWELL(i, j) REMOVED(i, j) EACH_CLAIM(i, j) EACH_GRANT(i, j)
#define AT(i) FAULTS(i) EACH_ADDRESS(i)

active proctype world()
{
	d_step { start() };
	do
	AT(0) AT(1) AT(2)
	BETWEEN(0, 1) BETWEEN(0, 2) BETWEEN(1, 0) BETWEEN(1, 2) BETWEEN(2, 0) BETWEEN(2, 1)
#if N == 4
	AT(3)
	BETWEEN(0, 3) BETWEEN(1, 3) BETWEEN(2, 3) BETWEEN(3, 0) BETWEEN(3, 1) BETWEEN(3, 2)
#endif
	NEWCOMER(0) NEWCOMER(1)
#if N == 4
	NEWCOMER(2)
#endif
#ifdef CALM
	:: d_step { true -> printf("calm\n"); calm() }; break
#endif
	od
}
