/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * How addresses change hands, as a model that Spin walks through exhaustively: grant, leave to
 * others, removal, closure, reclaim, crash, a disk set back, a newcomer. It says in the words of
 * ipamdb/ what each rule is for: each rule has a name and can be taken out (-DNO_...), and then
 * Spin finds two nodes that lease one address, or an address that nobody can ever use again.
 *
 * What is modelled
 *   - A claim (ipamdb/claim.c) is a row of one author about one address at one generation, and
 *     names a holder. The owner of an address is the holder of the highest generation known.
 *   - Each node knows some of the claims. Gossip carries the claims of one author from any node
 *     to any other at any time, or never: loss, delay and reordering are all the ways in which
 *     that can go. A grant and its answer are the donor's row.
 *   - What a rule calls durable is there after a crash. A commit that must come before the next
 *     step is one step with it: to crash before it is not to take the step.
 *   - Others' claims are in memory only. What a closure counted may be lost too: then this node
 *     disagrees with what it said until it has heard it again.
 *   - A removal holds from the moment in which one node has it. The removed node does not know
 *     of it before it is told, and goes on granting and leasing; what it leases counts no more.
 *   - A disk set back comes with a reboot: boxes are gone, and leases with them.
 *   - calm ends a run anywhere: no more faults, everybody hears everybody, recover is run on
 *     fenced nodes. Then each address must have an owner that was not removed, in all views alike.
 *
 * A closure here counts the removed node's claims one by one, and members agree when they count the
 * same and know the same members. ipamdb/closure.c asks for less: a grant of a removed node counts
 * only by its recipient's own row, and the rows of each member up to its closure are awaited.
 *
 * What is not: pools and networks that come and go, blocks (addresses stand for them), merging
 * and collecting of rows, cool-down, and epochs (a row is known by author and generation).
 */
#ifndef N
#define N 3 /* nodes */
#endif
#ifndef A
#define A 4 /* addresses */
#endif
#ifndef G
#define G 5 /* generations, enough for each grant and each reclaim */
#endif
#ifndef GRANTS
#define GRANTS 2
#endif
#ifndef LEASES
#define LEASES 2
#endif
#ifndef REMOVALS
#define REMOVALS 2
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef RESTORES
#define RESTORES 1
#endif
#ifndef JOINS
#define JOINS 0 /* 1: the last node is not a member at first */
#endif

#define ALL ((1 << N) - 1)
#define BIT(i) (1 << (i))
#define HAS(set, i) (((set) >> (i)) & 1)
#define CLAIM(k, g) (1 << ((g) * N + (k)))
#define GENERATION(g) (ALL << ((g) * N))
#define AUTHOR(k) (CLAIM(k, 0) | CLAIM(k, 1) | CLAIM(k, 2) | CLAIM(k, 3) | CLAIM(k, 4))
#define CLOSURE(closer, x) (1 << ((closer) * N + (x)))
#define NOBODY 15

int knows[N * A];    /* claims that count for a node, by address */
byte owner[N * A];   /* follows from knows: NOBODY or a node */
byte top[N * A];     /* follows from knows: the highest generation */
byte holder[N * A * G]; /* what the claim of an author at a generation says */
byte leased[N];      /* addresses, durable */
byte members[N];     /* whom a node knows */
byte removals[N];    /* removals a node knows */
byte closed[N];      /* removed nodes whose closure this node has committed */
short closures[N];   /* closures that a node has heard of (and written) */
byte removed;        /* removals that anybody knows */
byte guarded, fenced; /* nodes */
byte synced;          /* members that the guarded node has met; one disk is set back a run */
byte grants, crashes;
byte touched; /* addresses are alike: the next one to be used first is the lowest unused */

/* The disk that will be set back: whose, and what was on it. */
byte saver = NOBODY;
bool restored;
int saved_knows[A];
byte saved_members, saved_removals, saved_closed;
short saved_closures;
#ifdef NO_DONOR_COMMIT
int volatile_claims[N * A]; /* granted and told, not committed */
#endif

/* Scratch, zero between steps. */
hidden byte h_i, h_j, h_k, h_m, h_a, h_g;
hidden int h_w, h_keep;
hidden byte h_ok, h_clash;

#define KNOWS(i, a) knows[(i) * A + (a)]
#define OWNER(i, a) owner[(i) * A + (a)]
#define TOP(i, a) top[(i) * A + (a)]
#define HOLDER(k, a, g) holder[((k) * A + (a)) * G + (g)]
#define PRESENT(i) (members[i] & ~removals[i])

/* A node that runs, is a member and was not told that it is removed. */
#define IS_IN(i) (HAS(members[i], i) && !HAS(removals[i], i))

/* db_may_lease(): not fenced, and met somebody since the marker was lost. */
#ifdef NO_GUARD
#define MAY_LEASE(i) (IS_IN(i) && !HAS(fenced, i))
#else
#define MAY_LEASE(i) (IS_IN(i) && !HAS(fenced | guarded, i))
#endif

/* A claim of the node's own must stand at the generation by which it owns the address. */
#ifdef NO_OWN_ROW
#define HAS_OWN_ROW(i, a) true
#else
#define HAS_OWN_ROW(i, a) ((KNOWS(i, a) & CLAIM(i, TOP(i, a))) != 0)
#endif

/* May the node lease the address now, for all that it knows? Never two at once: this is the promise.
 * What a removed node leases counts no more. */
#define IS_FREE_TO_LEASE(i, a) (OWNER(i, a) == (i) && MAY_LEASE(i) && HAS_OWN_ROW(i, a) && \
	!HAS(removed, i))

/* --- the owner of an address, as a node sees it ------------------------------------------------ */

inline look(i, a)
{
	h_w = KNOWS(i, a);
	h_g = (h_w >= CLAIM(0, 4) -> 4 : (h_w >= CLAIM(0, 3) -> 3 :
	      (h_w >= CLAIM(0, 2) -> 2 : (h_w >= CLAIM(0, 1) -> 1 : 0))));
	TOP(i, a) = h_g;
	OWNER(i, a) = NOBODY;
	h_k = 0;
	do
	:: h_k < N ->
		if
		:: h_w & CLAIM(h_k, h_g) ->
			/* Two holders at one generation are an alarm, never a tie to break: nobody
			 * has the address. It takes a disk set back to come to that. */
			h_ok = OWNER(i, a) == NOBODY || OWNER(i, a) == HOLDER(h_k, a, h_g);
			assert(h_ok || restored || HAS(removed, i));
			OWNER(i, a) = (h_ok && !h_clash -> HOLDER(h_k, a, h_g) : NOBODY);
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
		assert(h_k == (i) || !IS_FREE_TO_LEASE(i, a) || !IS_FREE_TO_LEASE(h_k, a));
		h_k++
	:: else -> break
	od;
	h_k = 0; h_g = 0; h_w = 0; h_clash = false
}

/* After a change of what i may do. */
inline look_all(i)
{
	h_a = 0;
	do
	:: h_a < A -> look(i, h_a); h_a++
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
		assert((KNOWS(h_k, a) & CLAIM(k, g)) == 0 || HOLDER(k, a, g) == (to) ||
		       HAS(removed, h_k));
		h_k++
	:: else -> break
	od;
	h_k = 0;
	HOLDER(k, a, g) = to;
	KNOWS(i, a) = KNOWS(i, a) | CLAIM(k, g);
	look(i, a)
}

#define TOUCH(a) touched = (touched == (a) -> (a) + 1 : touched)

/* --- granting, accepting, leasing -------------------------------------------------------------- */

#ifdef GRANT_LEASED
#define IS_FREE(i, a) true
#else
#define IS_FREE(i, a) !HAS(leased[i], a)
#endif

#define MAY_GRANT(i, j, a) (grants < GRANTS && MAY_LEASE(i) && HAS(PRESENT(i), j) && \
	OWNER(i, a) == i && HAS_OWN_ROW(i, a) && IS_FREE(i, a) && (a) <= touched && \
	TOP(i, a) < G - 1)

inline grant(i, j, a)
{
	grants++;
	TOUCH(a);
#ifdef NO_DONOR_COMMIT
	volatile_claims[i * A + a] = volatile_claims[i * A + a] | CLAIM(i, TOP(i, a) + 1);
#endif
	claim_put(i, a, i, TOP(i, a) + 1, j)
}

#define MAY_ACCEPT(j, a) (MAY_LEASE(j) && OWNER(j, a) == j && \
	(KNOWS(j, a) & CLAIM(j, TOP(j, a))) == 0)

inline accept(j, a)
{
	claim_put(j, a, j, TOP(j, a), j)
}

#define ONES(set) (HAS(set, 0) + HAS(set, 1) + HAS(set, 2) + HAS(set, 3))

#define MAY_HAND_OUT(i, a) (MAY_LEASE(i) && OWNER(i, a) == i && HAS_OWN_ROW(i, a) && \
	!HAS(leased[i], a) && (a) <= touched && ONES(leased[i]) < LEASES)

inline lease(i, a)
{
	TOUCH(a);
	leased[i] = leased[i] | BIT(a);
	h_k = 0;
	do
	:: h_k < N ->
		assert(h_k == i || !HAS(leased[h_k], a) || HAS(removed, h_k) || HAS(removed, i));
		h_k++
	:: else -> break
	od;
	h_k = 0
}

/* --- gossip ------------------------------------------------------------------------------------ */

/* Nobody sends to, or hears, a node of whose removal he knows. */
#define IS_HEARD(i, j) (IS_IN(i) && HAS(members[j], j) && HAS(PRESENT(i), j) && \
	!HAS(removals[j], i) && !HAS(removals[j], j))

/* Claims of k that j may take from i: those of a removed node only as somebody held them at his
 * closing. */
#ifdef NO_FREEZE
#define IS_LATE(i, j, k) false
#else
#define IS_LATE(i, j, k) (HAS(closed[j], k) && !HAS(closed[i], k))
#endif

#define TAKEN(i, j, k, a) (IS_LATE(i, j, k) -> 0 : KNOWS(i, a) & AUTHOR(k))

/* A row of its own that it never wrote: the disk went back. It is kept: who showed it may be gone
 * when recover is run. */
inline take_own(j, a, w)
{
#ifndef NO_FENCE
	if
	:: (w) & ~KNOWS(j, a) ->
		fenced = fenced | BIT(j);
		KNOWS(j, a) = KNOWS(j, a) | (w);
		look(j, a)
	:: else
	fi
#else
	skip
#endif
}

inline tell_claims(i, j, k)
{
	members[j] = members[j] | BIT(i);
	h_a = 0;
	do
	:: h_a < A ->
		if
		:: k == j -> take_own(j, h_a, TAKEN(i, j, k, h_a))
		:: else ->
			KNOWS(j, h_a) = KNOWS(j, h_a) | TAKEN(i, j, k, h_a);
			look(j, h_a)
		fi;
		h_a++
	:: else -> break
	od;
	h_a = 0
}

#define OWN_CLOSURES(j) ((ALL << ((j) * N)) & ((1 << (N * N)) - 1))

inline drop_claims(j, x)
{
	h_i = 0;
	do
	:: h_i < A ->
		KNOWS(j, h_i) = KNOWS(j, h_i) & (~AUTHOR(x) | CLAIM(0, 0)); h_i++
	:: else -> break
	od;
	h_i = 0
}

/* Closures of its own that it never wrote tell the same, and bind it again: of what those removed
 * nodes wrote it counts what others counted who closed. */
inline take_own_closures(j, w)
{
	if
	:: (w) & ~closures[j] ->
		fenced = fenced | BIT(j);
		h_k = 0;
		do
		:: h_k < N ->
			if
			:: ((w) & ~closures[j]) & CLOSURE(j, h_k) ->
				closed[j] = closed[j] | BIT(h_k);
				drop_claims(j, h_k)
			:: else
			fi;
			h_k++
		:: else -> break
		od;
		h_k = 0
	:: else
	fi
}

inline tell_closures(i, j)
{
#ifndef NO_FENCE
	take_own_closures(j, closures[i] & OWN_CLOSURES(j));
#endif
	closures[j] = closures[j] | (closures[i] & (fenced & BIT(j) -> -1 : ~OWN_CLOSURES(j)));
	look_all(j)
}

inline tell_members(i, j)
{
	members[j] = members[j] | members[i]
}

/* Removals travel alone; who is removed is told even by those who do not hear him. */
inline tell_removals(i, j)
{
	removals[j] = removals[j] | removals[i];
	/* What a removal says, it says of a member. */
	members[j] = members[j] | removals[i]
}

/* --- removal, closure, reclaim ----------------------------------------------------------------- */

/* A known limit, not followed unless -DLOST_TIME: a disk forgot a claim, and the only node that
 * remembers it is removed, but still reaches somebody who has not heard of the removal. */
#define KNOWN_BY(i, x, a) ((i) == (x) || HAS(removed, i) -> 0 : \
	((i) == saver && !restored -> saved_knows[a] : KNOWS(i, a)))
#define REMEMBERS(x, a) (KNOWS(x, a) & AUTHOR(saver) & ~(KNOWN_BY(0, x, a) | KNOWN_BY(1, x, a) | \
	KNOWN_BY(2, x, a) | KNOWN_BY(N - 1, x, a)))
#define REMEMBERS_ALONE(x) ((x) != saver && (REMEMBERS(x, 0) || REMEMBERS(x, A / 3) || \
	REMEMBERS(x, A / 2) || REMEMBERS(x, A - 1)))
#ifdef LOST_TIME
#define MAY_BE_REMOVED(x) true
#define MAY_BE_SET_BACK true
#else
#define MAY_BE_REMOVED(x) (!restored || !REMEMBERS_ALONE(x))
#define MAY_BE_SET_BACK (!(HAS(removed, 0) && REMEMBERS_ALONE(0)) && \
	!(HAS(removed, 1) && REMEMBERS_ALONE(1)) && !(HAS(removed, 2) && REMEMBERS_ALONE(2)))
#endif

inline remove(i, x)
{
	removed = removed | BIT(x);
	removals[i] = removals[i] | BIT(x)
}

#define MAY_CLOSE(i, x) (MAY_LEASE(i) && HAS(removals[i], x) && !HAS(closed[i], x))

inline close(i, x)
{
	closed[i] = closed[i] | BIT(x);
	closures[i] = closures[i] | CLOSURE(i, x)
}

/* Do i and r count the same of what x wrote, see the same space as x's, and know the same members? */
inline agree(i, r, x)
{
	h_a = 0;
	do
	:: h_a < A ->
		h_ok = h_ok && ((KNOWS(i, h_a) ^ KNOWS(r, h_a)) & AUTHOR(x)) == 0 &&
		       (OWNER(i, h_a) == x) == (OWNER(r, h_a) == x);
		h_a++
	:: else -> break
	od;
	h_a = 0;
#ifndef NO_MEMBERS
	h_ok = h_ok && PRESENT(i) == PRESENT(r)
#endif
}

inline all_agree(r, x)
{
	h_ok = true;
#ifndef NO_WAIT
	h_i = 0;
	do
	:: h_i < N ->
		if
		:: HAS(PRESENT(r), h_i) ->
			h_ok = h_ok && (closures[r] & CLOSURE(h_i, x)) != 0;
#ifndef NO_AGREEMENT
			agree(h_i, r, x)
#endif
		:: else
		fi;
		h_i++
	:: else -> break
	od;
	h_i = 0
#endif
}

#define IS_LOWEST(r) ((PRESENT(r) & (BIT(r) - 1)) == 0)
#define MAY_RECLAIM(r, x) (MAY_LEASE(r) && HAS(closed[r], x) && IS_LOWEST(r) && OWNS_SOME(r, x))

#if A == 4
#define OWNS_SOME(r, x) (OWNER(r, 0) == x || OWNER(r, 1) == x || OWNER(r, 2) == x || OWNER(r, 3) == x)
#else
#define OWNS_SOME(r, x) (OWNER(r, 0) == x || OWNER(r, A - 1) == x)
#endif

#ifdef NO_GENERATION
#define ABOVE(r, a) TOP(r, a)
#else
#define ABOVE(r, a) (TOP(r, a) + 1)
#endif

inline reclaim_all(r, x)
{
	h_j = 0;
	do
	:: h_j < A ->
		if
		:: OWNER(r, h_j) == x && TOP(r, h_j) < G - 1 ->
			claim_put(r, h_j, r, ABOVE(r, h_j), r)
		:: else
		fi;
		h_j++
	:: else -> break
	od;
	h_j = 0
}

inline reclaim(r, x)
{
	all_agree(r, x);
	if
	:: h_ok -> reclaim_all(r, x)
	:: else
	fi;
	h_ok = false
}

/* --- crash, a disk set back -------------------------------------------------------------------- */

/* What of the claims survives: its own, and the first owner, whom the network's fact names. */
inline keep_mask(i)
{
	h_keep = AUTHOR(i) | CLAIM(0, 0);
}

inline crash(i)
{
	crashes++;
	keep_mask(i);
	h_a = 0;
	do
	:: h_a < A ->
		KNOWS(i, h_a) = KNOWS(i, h_a) & h_keep;
#ifdef NO_DONOR_COMMIT
		KNOWS(i, h_a) = KNOWS(i, h_a) & ~volatile_claims[i * A + h_a];
		volatile_claims[i * A + h_a] = 0;
#endif
		look(i, h_a);
		h_a++
	:: else -> break
	od;
	h_a = 0; h_keep = 0
}

inline save(i)
{
	saver = i;
	keep_mask(i);
	h_a = 0;
	do
	:: h_a < A -> saved_knows[h_a] = KNOWS(i, h_a) & h_keep; h_a++
	:: else -> break
	od;
	h_a = 0; h_keep = 0;
	saved_members = members[i];
	saved_removals = removals[i];
	saved_closed = closed[i];
	saved_closures = closures[i]
}

inline restore(i)
{
	restored = true;
	guarded = guarded | BIT(i);
	h_a = 0;
	do
	:: h_a < A -> KNOWS(i, h_a) = saved_knows[h_a]; saved_knows[h_a] = 0; look(i, h_a); h_a++
	:: else -> break
	od;
	h_a = 0;
	members[i] = saved_members; saved_members = 0;
	removals[i] = saved_removals; saved_removals = 0;
	closed[i] = saved_closed; saved_closed = 0;
	closures[i] = saved_closures; saved_closures = 0;
	leased[i] = 0;
	fenced = fenced & ~BIT(i);
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

/* The restart guard: `all` waits for every member it knows, `one` for any. */
inline sync(i, k)
{
	hear_all(i, k);
	synced = synced | BIT(k);
	if
#ifdef GUARD_ONE
	:: true ->
#else
	:: (PRESENT(i) & ~(synced | BIT(i))) == 0 ->
#endif
		guarded = guarded & ~BIT(i); synced = 0; look_all(i)
#ifndef GUARD_ONE
	:: else
#endif
	fi
}

/* node recover: who is a member is heard first, then of each member what there is. Of what removed
 * nodes wrote only that counts which members count. */
inline recover(i)
{
	h_m = 0;
	do
	:: h_m < N ->
		if
		:: h_m != i && HAS(PRESENT(i), h_m) ->
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
		:: HAS(removals[i], h_m) -> drop_claims(i, h_m)
		:: else
		fi;
		h_m++
	:: else -> break
	od;
	h_m = 0;
	do
	:: h_m < N ->
		if
		:: h_m != i && HAS(PRESENT(i), h_m) -> hear_all(i, h_m)
		:: else
		fi;
		h_m++
	:: else -> break
	od;
	h_m = 0;
	fenced = fenced & ~BIT(i);
	guarded = guarded & ~BIT(i);
	look_all(i)
}

/* --- a newcomer -------------------------------------------------------------------------------- */

#define MAY_ADMIT(k, n) (MAY_LEASE(k) && !HAS(members[n], n) && !HAS(removals[k], n))

inline admit(k, n)
{
	members[k] = members[k] | BIT(n);
	members[n] = members[k];
	h_a = 0;
	do
	:: h_a < A -> KNOWS(n, h_a) = KNOWS(k, h_a) & ~AUTHOR(n); look(n, h_a); h_a++
	:: else -> break
	od;
	h_a = 0;
#ifndef NO_INHERITANCE
	removals[n] = removals[k];
	closed[n] = closed[k];
	h_k = 0;
	do
	:: h_k < N ->
		if
		:: HAS(closed[n], h_k) -> closures[n] = closures[n] | CLOSURE(n, h_k)
		:: else
		fi;
		h_k++
	:: else -> break
	od;
	h_k = 0
#endif
}

/* --- calm -------------------------------------------------------------------------------------- */

hidden byte c_i, c_k, c_x, c_round, c_owner;

#define IS_SANE(i) (HAS(members[i], i) && !HAS(removed, i))

inline calm_hear()
{
	c_i = 0;
	do
	:: c_i < N ->
		c_k = 0;
		do
		:: c_k < N ->
			if
			:: c_k != c_i && IS_SANE(c_i) && IS_SANE(c_k) &&
			   HAS(members[c_i] | members[c_k], c_k) -> hear_all(c_i, c_k)
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
	/* A removal that only removed nodes have heard of is said again by who said it. */
	removals[i] = removals[i] | removed;
	members[i] = members[i] | removed;
	c_k = 0;
	do
	:: c_k < A ->
		if
		:: MAY_ACCEPT(i, c_k) -> accept(i, c_k)
		:: else
		fi;
		c_k++
	:: else -> break
	od;
	c_x = 0;
	do
	:: c_x < N ->
		if
		:: MAY_CLOSE(i, c_x) -> close(i, c_x)
		:: else
		fi;
		if
		:: MAY_RECLAIM(i, c_x) -> reclaim(i, c_x)
		:: else
		fi;
		c_x++
	:: else -> break
	od
}

/* Each address belongs to a member that was not removed, in the view of all, and who leases it
 * owns it. */
inline calm_check()
{
	c_k = 0;
	do
	:: c_k < A ->
		c_owner = NOBODY;
		c_i = 0;
		do
		:: c_i < N ->
			if
			:: IS_SANE(c_i) ->
				assert(OWNER(c_i, c_k) != NOBODY && !HAS(removed, OWNER(c_i, c_k)));
				assert(c_owner == NOBODY || c_owner == OWNER(c_i, c_k));
				assert(!HAS(leased[c_i], c_k) || OWNER(c_i, c_k) == c_i);
				c_owner = OWNER(c_i, c_k)
			:: else
			fi;
			c_i++
		:: else -> break
		od;
		c_k++
	:: else -> break
	od
}

inline forget()
{
	c_i = 0;
	do
	:: c_i < N * A -> knows[c_i] = 0; owner[c_i] = 0; top[c_i] = 0; c_i++
	:: else -> break
	od;
	c_i = 0;
	do
	:: c_i < N * A * G -> holder[c_i] = 0; c_i++
	:: else -> break
	od;
	c_i = 0;
	do
	:: c_i < N ->
		leased[c_i] = 0; members[c_i] = 0; removals[c_i] = 0; closed[c_i] = 0;
		closures[c_i] = 0; c_i++
	:: else -> break
	od;
	c_i = 0;
	do
	:: c_i < A -> saved_knows[c_i] = 0; c_i++
	:: else -> break
	od;
	removed = 0; guarded = 0; fenced = 0; synced = 0; grants = 0; crashes = 0; touched = 0;
	saver = 0; restored = false; saved_members = 0; saved_removals = 0; saved_closed = 0;
	saved_closures = 0; c_i = 0; c_k = 0; c_x = 0; c_owner = 0; c_round = 0
}

inline calm()
{
	c_round = 0;
	do
	:: c_round < 8 ->
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
	calm_check();
	forget()
}

/* --- the world --------------------------------------------------------------------------------- */

inline start()
{
	c_i = 0;
	do
	:: c_i < N ->
		if
		:: JOINS == 0 || c_i < N - 1 ->
			members[c_i] = (JOINS == 0 -> ALL : ALL & ~BIT(N - 1));
			c_k = 0;
			do
			:: c_k < A ->
				KNOWS(c_i, c_k) = CLAIM(0, 0); look(c_i, c_k); c_k++
			:: else -> break
			od
		:: else
		fi;
		c_i++
	:: else -> break
	od;
	c_i = 0; c_k = 0
}

#define COUNT_REMOVED (HAS(removed, 0) + HAS(removed, 1) + HAS(removed, 2))

#define AT_ADDRESS(i, a) \
	:: d_step { MAY_ACCEPT(i, a) -> printf("%d accepts: %d, %d\n", i, a, 0); accept(i, a) } \
	:: d_step { MAY_HAND_OUT(i, a) -> printf("%d leases: %d, %d\n", i, a, 0); lease(i, a) } \
	:: d_step { HAS(leased[i], a) && IS_IN(i) -> printf("%d releases: %d, %d\n", i, a, 0); leased[i] = leased[i] & ~BIT(a) }

#define GRANT_TO(i, j, a) \
	:: d_step { MAY_GRANT(i, j, a) -> printf("%d grants, to: %d, %d\n", i, a, j); grant(i, j, a) }

#ifdef WHOLE
/* Claims of all authors travel together. */
#define TELL_CLAIMS(i, j, k) \
	:: d_step { (k) == 0 && IS_HEARD(i, j) -> printf("%d tells all claims to: %d, %d\n", i, k, j); \
		    tell_claims(i, j, 0); tell_claims(i, j, 1); tell_claims(i, j, 2); \
		    tell_claims(i, j, N - 1) }
#else
#define TELL_CLAIMS(i, j, k) \
	:: d_step { IS_HEARD(i, j) && HAS(members[i], k) -> printf("%d tells claims of, to: %d, %d\n", i, k, j); tell_claims(i, j, k) }
#endif

#define TELL(i, j) \
	:: d_step { IS_HEARD(i, j) && (closures[i] & ~closures[j]) -> \
		    printf("%d tells %d closures\n", i, j); tell_closures(i, j) } \
	:: d_step { IS_HEARD(i, j) && (members[i] & ~members[j]) -> \
		    printf("%d tells %d members\n", i, j); tell_members(i, j) } \
	:: d_step { IS_IN(i) && HAS(members[i], j) && HAS(members[j], j) && \
		    (removals[i] & ~removals[j]) -> \
		    printf("%d tells %d removals\n", i, j); tell_removals(i, j) } \
	:: d_step { HAS(guarded, i) && IS_HEARD(i, j) && IS_HEARD(j, i) -> \
		    printf("%d syncs with %d\n", i, j); sync(i, j) }

#define REMOVED(i, x) \
	:: d_step { IS_IN(i) && HAS(PRESENT(i), x) && !HAS(removed, x) && !HAS(removed, i) && \
		    COUNT_REMOVED < REMOVALS && (JOINS == 0 || (x) == 0) && MAY_BE_REMOVED(x) -> printf("%d removes: %d, %d\n", i, x, 0); remove(i, x) } \
	:: d_step { MAY_CLOSE(i, x) -> printf("%d closes: %d, %d\n", i, x, 0); close(i, x) } \
	:: d_step { MAY_RECLAIM(i, x) -> printf("%d reclaims: %d, %d\n", i, x, 0); reclaim(i, x) }

#define FAULTS(i) \
	:: d_step { crashes < CRASHES && IS_IN(i) -> printf("%d crashes: %d, %d\n", i, 0, 0); crash(i) } \
	:: d_step { RESTORES > 0 && saver == NOBODY && IS_IN(i) -> printf("%d is saved: %d, %d\n", i, 0, 0); save(i) } \
	:: d_step { saver == i && !restored && MAY_BE_SET_BACK -> printf("%d is restored: %d, %d\n", i, 0, 0); restore(i) }

#define ADDRESSES_2(M, i) M(i, 0) M(i, 1)
#define ADDRESSES_4(M, i) M(i, 0) M(i, 1) M(i, 2) M(i, 3)
#define GRANTS_2(i, j) GRANT_TO(i, j, 0) GRANT_TO(i, j, 1)
#define GRANTS_4(i, j) GRANTS_2(i, j) GRANT_TO(i, j, 2) GRANT_TO(i, j, 3)
#define CLAIMS_3(i, j) TELL_CLAIMS(i, j, 0) TELL_CLAIMS(i, j, 1) TELL_CLAIMS(i, j, 2)
#define CLAIMS_4(i, j) CLAIMS_3(i, j) TELL_CLAIMS(i, j, 3)
#if A == 1
#define EACH_ADDRESS(i) AT_ADDRESS(i, 0)
#define EACH_GRANT(i, j) GRANT_TO(i, j, 0)
#elif A == 4
#define EACH_ADDRESS(i) ADDRESSES_4(AT_ADDRESS, i)
#define EACH_GRANT(i, j) GRANTS_4(i, j)
#else
#define EACH_ADDRESS(i) ADDRESSES_2(AT_ADDRESS, i)
#define EACH_GRANT(i, j) GRANTS_2(i, j)
#endif
#if N == 4
#define EACH_CLAIM(i, j) CLAIMS_4(i, j)
#else
#define EACH_CLAIM(i, j) CLAIMS_3(i, j)
#endif

#define BETWEEN(i, j) TELL(i, j) REMOVED(i, j) EACH_CLAIM(i, j) EACH_GRANT(i, j)
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
#if JOINS > 0
	:: d_step { MAY_ADMIT(N - 2, N - 1) -> printf("%d admits: %d, %d\n", N - 2, 0, N - 1); admit(N - 2, N - 1) }
#endif
	:: d_step { HAS(fenced, 0) && IS_IN(0) -> printf("%d recovers: %d, %d\n", 0, 0, 0); recover(0) }
	:: d_step { HAS(fenced, 1) && IS_IN(1) -> printf("%d recovers: %d, %d\n", 1, 0, 0); recover(1) }
	:: d_step { HAS(fenced, 2) && IS_IN(2) -> printf("%d recovers: %d, %d\n", 2, 0, 0); recover(2) }
#ifdef CALM
	:: d_step { true -> printf("%d calm: %d, %d\n", 0, 0, 0); calm() }; break
#endif
	od
}
