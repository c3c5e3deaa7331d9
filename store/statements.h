/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* All statements of the store in one table, see sql.h; private to this folder. */
#pragma once

#define ROW_PUT_(table)                                          \
	"INSERT INTO " table " VALUES (?1, ?2, ?3, ?4, ?5, ?6) " \
	"ON CONFLICT DO UPDATE SET version = excluded.version, bytes = excluded.bytes "

/* What comes from others: the newest stays, and of two texts of one version the smaller. */
#define IF_NEWER_                              \
	"WHERE excluded.version > version OR " \
	"(excluded.version = version AND excluded.bytes < bytes)"

/* X(name, SQL) */
#define STORE_STATEMENTS(X)                                                                        \
	X(BEGIN, "BEGIN IMMEDIATE")                                                                \
	X(COMMIT, "COMMIT")                                                                        \
	X(ROLLBACK, "ROLLBACK")                                                                    \
	X(META_PUT, "INSERT INTO meta VALUES (?, ?) "                                              \
		    "ON CONFLICT DO UPDATE SET value = excluded.value")                            \
	X(META_DROP, "DELETE FROM meta WHERE key = ?")                                             \
	X(META_ALL, "SELECT key, value FROM meta ORDER BY key")                                    \
	X(OWN_GET, "SELECT bytes FROM own_rows "                                                   \
		   "WHERE owner = ? AND topic = ? AND kind = ? AND key = ?")                       \
	X(OWN_PUT, ROW_PUT_("own_rows") "WHERE excluded.version > version "                        \
					"OR (excluded.version = version "                          \
					"AND excluded.bytes = bytes)")                             \
	X(OWN_DROP, "DELETE FROM own_rows "                                                        \
		    "WHERE owner = ? AND topic = ? AND kind = ? AND key = ?")                      \
	X(OWN_ALL, "SELECT bytes FROM own_rows ORDER BY owner, topic, kind, key")                  \
	X(FACT_PUT, "INSERT INTO facts VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE "                 \
		    "SET version = excluded.version, bytes = excluded.bytes " IF_NEWER_)           \
	X(FACT_ALL, "SELECT bytes FROM facts ORDER BY kind, key")                                  \
	X(SNAPSHOT_PUT, ROW_PUT_("snapshot_rows") IF_NEWER_)                                       \
	X(SNAPSHOT_DROP, "DELETE FROM snapshot_rows "                                              \
			 "WHERE owner = ? AND topic = ? AND kind = ? AND key = ?")                 \
	X(SNAPSHOT_ALL, "SELECT bytes FROM snapshot_rows ORDER BY owner, topic, kind, key")        \
	X(LEASE_PUT, "INSERT INTO leases VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "                \
		     "ON CONFLICT (network, address) DO UPDATE SET endpoint = excluded.endpoint, " \
		     "mac = excluded.mac, name = excluded.name, boot = excluded.boot, "            \
		     "since_ms = excluded.since_ms, sequence = excluded.sequence, "                \
		     "cooling = excluded.cooling, reserved = excluded.reserved, "                  \
		     "cool_until_ms = excluded.cool_until_ms "                                     \
		     "WHERE cooling OR endpoint IS NULL OR endpoint IS excluded.endpoint "         \
		     "OR sequence = excluded.sequence")                                            \
	X(LEASE_DROP, "DELETE FROM leases WHERE network = ? AND address = ?")                      \
	X(LEASE_ALL, "SELECT * FROM leases ORDER BY network, address")                             \
	X(ENDPOINT_PUT, "INSERT OR REPLACE INTO endpoints "                                        \
			"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")                          \
	X(ENDPOINT_DROP, "DELETE FROM endpoints WHERE id = ?")                                     \
	X(ENDPOINT_ALL, "SELECT * FROM endpoints ORDER BY id")                                     \
	X(ANSWER_PUT, "INSERT OR REPLACE INTO answers VALUES (?, ?, ?)")                           \
	X(ANSWER_PRUNE, "DELETE FROM answers WHERE at_ms < ?")                                     \
	X(ANSWER_ALL, "SELECT request, at_ms, bytes FROM answers ORDER BY at_ms, request")
