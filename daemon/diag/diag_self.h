/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#pragma once

#include "daemon/diag/diag_judge.h"

/* Adds what this daemon knows of itself and its cluster. */
void diag_self(struct daemon *d, json_t *checks);
