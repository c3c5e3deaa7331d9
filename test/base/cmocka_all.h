/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* What cmocka wants to be included before it. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
