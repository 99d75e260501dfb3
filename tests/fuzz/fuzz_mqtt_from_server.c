/* SPDX-License-Identifier: Apache-2.0 */
/* What a server may send: each packet, in each version. */
#include "fuzz_mqtt.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    fuzz_stream(data, bytes, NJ_FROM_SERVER);
    return 0;
}
