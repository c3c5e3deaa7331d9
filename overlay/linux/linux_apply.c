/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Operations to messages. Entries, addresses and routes travel in batches; a link is made and set
 * up by calls of its own, because what follows needs its number, and because a message that names
 * a device after a failed creation would reach somebody else's device of that name.
 */
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "linux_parts.h"

struct asked {
	struct devices *devices;
	int index;
};

static void each_found(void *arg, struct nlmsghdr *nlh)
{
	struct asked *asked = arg;
	struct link_numbers numbers;
	struct klink link;

	if (!attrs_read_link(nlh, asked->devices, &link, &numbers))
		return;
	asked->index = numbers.index;
	devices_put(asked->devices, numbers.index, link.name);
}

/* 0 with the device's number, -ENODEV when there is none of this name, or why it cannot be told. */
static int device_look(struct linux_kernel *kernel, const char *name, int *index)
{
	struct asked asked = {.devices = &kernel->devices};
	struct ifinfomsg head = {.ifi_family = AF_UNSPEC};
	struct nl_msg *msg = chan_begin(&kernel->rtnl, RTM_GETLINK, 0, &head, sizeof(head));
	int known = devices_index(&kernel->devices, name), status;

	(void)nla_put_string(msg, IFLA_IFNAME, name);
	status = chan_get(&kernel->rtnl, each_found, &asked);
	*index = status == 0 ? asked.index : 0;
	if (known != 0 && known != *index && (status == 0 || status == -ENODEV))
		devices_end(&kernel->devices, known);
	return status == 0 && *index == 0 ? -ENODEV : status;
}

int linux_device_find(struct linux_kernel *kernel, const char *name)
{
	int index;

	(void)device_look(kernel, name, &index);
	return index;
}

int linux_link_change(struct linux_kernel *kernel, const struct klink *link, uint32_t fields,
		      char text[CHAN_TEXT_BYTES])
{
	/* A port's flags need its master first, and a device comes up last. */
	static const uint32_t steps[] = {KLINK_MAC | KLINK_ALIAS | KLINK_ADDRGEN,
					 KLINK_SNOOPING | KLINK_LOCAL,
					 KLINK_MASTER,
					 KLINK_MTU,
					 KLINK_PORT,
					 KLINK_UP};
	int index, status = device_look(kernel, link->name, &index);

	if (status != 0)
		return status;
	if (!kernel->has_ipv6)
		fields &= ~(uint32_t)KLINK_ADDRGEN;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && status == 0; i++) {
		if ((fields & steps[i]) == 0)
			continue;
		attrs_link_change(&kernel->rtnl, &kernel->devices, index, link, fields & steps[i]);
		status = chan_call(&kernel->rtnl, text);
	}
	return status;
}

static int link_create(struct linux_kernel *kernel, const struct klink *link,
		       char text[CHAN_TEXT_BYTES])
{
	uint32_t rest = KLINK_ALIAS | KLINK_ADDRGEN | KLINK_UP;
	int status;

	attrs_link_create(&kernel->rtnl, &kernel->devices, link);
	status = chan_call(&kernel->rtnl, text);
	if (status != 0)
		return status;
	if (link->master[0] != '\0')
		rest |= KLINK_PORT;
	return linux_link_change(kernel, link, rest, text);
}

static int apply_link(struct linux_kernel *kernel, const struct kop *op, char *text)
{
	const struct klink *link = op->obj;
	int index, status;

	if (op->verb == KVERB_CREATE)
		return link_create(kernel, link, text);
	if (op->verb == KVERB_CHANGE)
		return linux_link_change(kernel, link, op->fields, text);
	status = device_look(kernel, link->name, &index);
	if (status != 0)
		return status == -ENODEV ? 0 : status;
	attrs_link_delete(&kernel->rtnl, index);
	devices_end(&kernel->devices, index);
	return chan_call(&kernel->rtnl, text);
}

struct applying {
	const struct kop *ops;
	kernel_failed_fn *failed;
	void *arg;
};

static bool is_gone(int error)
{
	return error == ENOENT || error == ESRCH || error == ENODEV || error == EADDRNOTAVAIL;
}

static void note_failure(void *arg, uint32_t tag, int error, const char *text)
{
	struct applying *applying = arg;

	if (applying->ops[tag].verb != KVERB_DELETE || !is_gone(error))
		applying->failed(applying->arg, tag, error, text);
}

/* The name of the device that an entry lies on; every such object begins with it. */
static const char *device_of(const struct kop *op)
{
	return op->kind == KOBJ_NEXTHOP ? NULL : op->obj;
}

static int apply_entry(struct linux_kernel *kernel, const struct kop *op, uint32_t tag,
		       struct applying *applying)
{
	const char *dev = device_of(op);
	int status = 0;

	if (dev != NULL && devices_index(&kernel->devices, dev) == 0) {
		status = chan_batch_flush(&kernel->rtnl, note_failure, applying);
		if (status != 0)
			return status;
		(void)linux_device_find(kernel, dev);
	}
	if (chan_batch_is_full(&kernel->rtnl))
		status = chan_batch_flush(&kernel->rtnl, note_failure, applying);
	if (status != 0)
		return status;
	status =
	    attrs_put(&kernel->rtnl, &kernel->devices, op->kind, op->obj, op->verb != KVERB_DELETE);
	if (status == 0)
		chan_batch_add(&kernel->rtnl, tag);
	else
		note_failure(applying, tag, -status, "");
	return 0;
}

int linux_apply(void *ctx, const struct kop *ops, size_t count, kernel_failed_fn *failed, void *arg)
{
	struct linux_kernel *kernel = ctx;
	struct applying applying = {ops, failed, arg};
	char text[CHAN_TEXT_BYTES];
	int status = 0;

	for (size_t i = 0; i < count && status == 0; i++) {
		const struct kop *op = &ops[i];
		const struct ksysctl *sysctl = op->obj;
		int own;

		if (op->kind != KOBJ_LINK && op->kind != KOBJ_SYSCTL) {
			status = apply_entry(kernel, op, (uint32_t)i, &applying);
			continue;
		}
		status = chan_batch_flush(&kernel->rtnl, note_failure, &applying);
		text[0] = '\0';
		own = op->kind == KOBJ_LINK ? apply_link(kernel, op, text)
					    : linux_sysctl_set(sysctl->path, sysctl->value);
		if (own != 0)
			note_failure(&applying, (uint32_t)i, -own, text);
	}
	if (status == 0)
		status = chan_batch_flush(&kernel->rtnl, note_failure, &applying);
	return status;
}
