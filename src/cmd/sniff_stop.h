/* SPDX-License-Identifier: Apache-2.0 */
/* sniff_stop.h — SIGINT and SIGTERM end a capture, not the program, which has counts to tell and a
 * file to complete. The second one ends the program. */
#ifndef NJ_CMD_SNIFF_STOP_H
#define NJ_CMD_SNIFF_STOP_H

#include <stdbool.h>

/* From now on. `input_fd`, unless it is -1, has reached its end when a signal comes, also for who
 * waits in read() there. False, and errno: it cannot be arranged. */
bool nj_sniff_stop_catch(int input_fd);

bool nj_sniff_is_stopped(void);
/* Readable when it is. */
int nj_sniff_stop_fd(void);

#endif
