/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff/tree/vendor.h"

#include "base/reader.h"

const char *
nj_vendor_find(struct nj_str address)
{
    static const struct {
        uint32_t prefix;
        const char *name;
    } table[] = {
        {0x00000c, "Cisco"},    {0x000105, "Beckhoff"}, {0x0004a3, "Microchi"},
        {0x000569, "VMware"},   {0x000c29, "VMware"},   {0x000e8c, "Siemens"},
        {0x00155d, "Microsof"}, {0x00163e, "Xensourc"}, {0x001788, "PhilipsL"},
        {0x001a11, "Google"},   {0x001b1b, "Siemens"},  {0x001b21, "IntelCor"},
        {0x001c42, "Parallel"}, {0x0030de, "WAGOKont"}, {0x005056, "VMware"},
        {0x0080e1, "STMicroe"}, {0x0080f4, "Telemech"}, {0x00a045, "PHOENIXC"},
        {0x00e04c, "RealtekS"}, {0x080027, "PcsCompu"}, {0x14cc20, "Tp-LinkT"},
        {0x18fe34, "Espressi"}, {0x240ac4, "Espressi"}, {0x246f28, "Espressi"},
        {0x28cdc1, "Raspberr"}, {0x2ccf67, "Raspberr"}, {0x30aea4, "Espressi"},
        {0x349454, "Espressi"}, {0x3c71bf, "Espressi"}, {0x482254, "TP-Link"},
        {0x50c7bf, "Tp-LinkT"}, {0x525400, "RealtekU"}, {0x5ccf7f, "Espressi"},
        {0x600194, "Espressi"}, {0x7c9ebd, "Espressi"}, {0x84f3eb, "Espressi"},
        {0x8caab5, "Espressi"}, {0x98dac4, "Tp-LinkT"}, {0xa020a6, "Espressi"},
        {0xa4cf12, "Espressi"}, {0xa8610a, "Arduino"},  {0xb827eb, "Raspberr"},
        {0xbcddc2, "Espressi"}, {0xc44f33, "Espressi"}, {0xcc50e3, "Espressi"},
        {0xd83add, "Raspberr"}, {0xdca632, "Raspberr"}, {0xe45f01, "Raspberr"},
        {0xecfabc, "Espressi"}, {0xf01898, "Apple"},
    };
    struct nj_reader r = nj_reader_of(address);
    uint32_t prefix = (uint32_t)nj_read_u8(&r) << 16;

    prefix |= nj_read_u16(&r);
    if (address.n != 6)
        return NULL;
    for (size_t i = 0; i < NJ_COUNT_OF(table); i++)
        if (table[i].prefix == prefix)
            return table[i].name;
    return NULL;
}
