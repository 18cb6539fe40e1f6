/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HVM params: values of the domain that tools, guest and device model share by number.
 * xen/hvm/params.h; who may do what as in Xen 4.17.
 *
 * Only the params with an effect here have one (ACPI ports, the loader's last param); the others
 * are kept and returned.
 */
#include <errno.h>
#include <string.h>

#include "builder.h"
#include "hv.h"

#define PARAM_VM86_TSS_SIZED 37u /* not in every version of the public header */
#define PARAM_LIMIT          39u /* first number unknown to Xen 4.17 */
#define PARAM_X87_FIP_WIDTH  36u
#define PM_BASE_OLD          0x1f40u
#define PM_BASE_PIIX         0xb000u

enum {
    GUEST_GET = 1,
    GUEST_SET = 2,
    ONCE = 4, /* a value other than 0 stays */
    GONE = 8, /* deprecated numbers */
};

static const uint8_t param_rules[PARAM_LIMIT] = {
    [HVM_PARAM_CALLBACK_IRQ] = GUEST_GET | GUEST_SET,
    [HVM_PARAM_STORE_PFN] = GUEST_GET,
    [HVM_PARAM_STORE_EVTCHN] = GUEST_GET | GUEST_SET,
    [4] = GONE,
    [HVM_PARAM_IOREQ_PFN] = ONCE,
    [HVM_PARAM_BUFIOREQ_PFN] = ONCE,
    [HVM_PARAM_VIRIDIAN] = ONCE,
    [13] = GONE,
    [HVM_PARAM_VM86_TSS] = GUEST_GET | GUEST_SET,
    [HVM_PARAM_CONSOLE_PFN] = GUEST_GET,
    [HVM_PARAM_CONSOLE_EVTCHN] = GUEST_GET | GUEST_SET,
    [HVM_PARAM_ACPI_IOPORTS_LOCATION] = GUEST_GET | GUEST_SET,
    [20] = GONE,
    [21] = GONE,
    [22] = GONE,
    [23] = GONE,
    [24] = GONE,
    [25] = GONE,
    [26] = GONE,
    [30] = GONE,
    [HVM_PARAM_IOREQ_SERVER_PFN] = ONCE,
    [HVM_PARAM_NR_IOREQ_SERVER_PAGES] = ONCE,
    [HVM_PARAM_VM_GENERATION_ID_ADDR] = GUEST_GET | GUEST_SET,
    [HVM_PARAM_ALTP2M] = GUEST_GET,
    [PARAM_X87_FIP_WIDTH] = GUEST_GET | GUEST_SET,
    [PARAM_VM86_TSS_SIZED] = GUEST_GET | GUEST_SET,
};

_Static_assert(PARAM_LIMIT <= HV_MAX_PARAMS, "room for all params");

static int param_permitted(uint32_t index, bool guest, uint8_t right)
{
    if (index >= PARAM_LIMIT || (param_rules[index] & GONE)) {
        return -EINVAL;
    }
    return guest && !(param_rules[index] & right) ? -EPERM : 0;
}

int param_get(struct hv *hv, uint32_t index, bool guest, uint64_t *value)
{
    int rc = param_permitted(index, guest, GUEST_GET);

    if (rc) {
        return rc;
    }
    pthread_mutex_lock(&hv->params_lock);
    *value = hv->params[index];
    pthread_mutex_unlock(&hv->params_lock);
    return 0;
}

static bool param_valid(uint32_t index, uint64_t value)
{
    switch (index) {
    case HVM_PARAM_ACPI_IOPORTS_LOCATION:
        return value <= 1;
    case PARAM_X87_FIP_WIDTH:
        return value == 0 || value == 4 || value == 8;
    case HVM_PARAM_ACPI_S_STATE:
        return value == 0 || value == 3;
    default:
        return true;
    }
}

/* What a new value changes elsewhere. */
static void param_apply(struct vcpu *vcpu, uint32_t index, uint64_t value)
{
    switch (index) {
    case HVM_PARAM_ACPI_IOPORTS_LOCATION:
        chips_set_pm_base(vcpu->hv, value ? PM_BASE_PIIX : PM_BASE_OLD);
        break;
    case PARAM_VM86_TSS_SIZED:
        vcpu_fix_lvt0(vcpu); /* the stock loader's APIC set-up is over by now */
        break;
    default:
        break;
    }
}

int param_set(struct vcpu *vcpu, uint32_t index, bool guest, uint64_t value)
{
    struct hv *hv = vcpu->hv;
    int rc = param_permitted(index, guest, GUEST_SET);

    if (rc || !param_valid(index, value)) {
        return rc ? rc : -EINVAL;
    }
    pthread_mutex_lock(&hv->params_lock);
    if ((param_rules[index] & ONCE) && hv->params[index] && hv->params[index] != value) {
        rc = -EEXIST;
    } else {
        hv->params[index] = value;
    }
    pthread_mutex_unlock(&hv->params_lock);
    if (!rc) {
        param_apply(vcpu, index, value);
    }
    return rc;
}

/* What Xen's domain builder sets; the numbers only mean something in firmware mode xen. */
void param_reset(struct hv *hv)
{
    pthread_mutex_lock(&hv->params_lock);
    memset(hv->params, 0, sizeof(hv->params));
    hv->params[HVM_PARAM_STORE_PFN] = BUILDER_PFN_XENSTORE;
    hv->params[HVM_PARAM_STORE_EVTCHN] = BUILDER_PORT_XENSTORE;
    hv->params[HVM_PARAM_IOREQ_PFN] = BUILDER_PFN_IOREQ;
    hv->params[HVM_PARAM_BUFIOREQ_PFN] = BUILDER_PFN_BUFIOREQ;
    hv->params[HVM_PARAM_TIMER_MODE] = HVMPTM_no_delay_for_missed_ticks;
    hv->params[HVM_PARAM_HPET_ENABLED] = 1;
    hv->params[HVM_PARAM_IDENT_PT] = (uint64_t)BUILDER_PFN_IDENT_PT * CORE_PAGE;
    hv->params[HVM_PARAM_CONSOLE_PFN] = BUILDER_PFN_CONSOLE;
    hv->params[HVM_PARAM_CONSOLE_EVTCHN] = BUILDER_PORT_CONSOLE;
    hv->params[HVM_PARAM_PAGING_RING_PFN] = BUILDER_PFN_PAGING;
    hv->params[HVM_PARAM_MONITOR_RING_PFN] = BUILDER_PFN_ACCESS;
    hv->params[HVM_PARAM_SHARING_RING_PFN] = BUILDER_PFN_SHARING;
    hv->params[HVM_PARAM_TRIPLE_FAULT_REASON] = 1; /* SHUTDOWN_reboot */
    hv->params[HVM_PARAM_IOREQ_SERVER_PFN] = BUILDER_PFN_SERVERS;
    hv->params[HVM_PARAM_NR_IOREQ_SERVER_PAGES] = BUILDER_NR_SERVERS;
    pthread_mutex_unlock(&hv->params_lock);
}
