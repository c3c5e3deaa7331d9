/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The rules of a host that is in one network which has all that a network can have: what a kernel
 * is tried with (linux/linux_look.h) is what it will be asked for.
 */
#pragma once

#include "overlay/kernel.h"

#define TRIAL_VNI 4096

/* A table's text, to be freed. The network's devices have the names of TRIAL_VNI. */
char *trial_rules(enum krules table);
