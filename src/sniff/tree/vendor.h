/* SPDX-License-Identifier: Apache-2.0 */
/* vendor.h — who made a network card: the names of a few dozen makers whose machines are found
 * where MQTT is taught and used, by the first three bytes of an Ethernet address (IEEE's
 * assignments), in the short form of Wireshark. No list of all of them is kept or looked for. */
#ifndef NJ_SNIFF_VENDOR_H
#define NJ_SNIFF_VENDOR_H

#include "base/str.h"

/* NULL: not known. */
const char *nj_vendor_find(struct nj_str address);

#endif
