/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/sniff_stop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static volatile sig_atomic_t is_stopped;
static int input = -1, nothing = -1, wake[2] = {-1, -1};

/* Who polls finds the pipe. Who reads, or is about to, finds the end of an empty file in the
 * input's place: a flag alone would be seen too late by who looked at it just before. */
static void
stop(int signal)
{
    int error = errno;

    (void)signal;
    is_stopped = 1;
    if (input >= 0)
        (void)dup2(nothing, input);
    (void)!write(wake[1], "", 1);
    errno = error;
}

bool
nj_sniff_stop_catch(int input_fd)
{
    struct sigaction action = {.sa_handler = stop, .sa_flags = SA_RESTART | (int)SA_RESETHAND};

    nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    input = input_fd;
    return nothing >= 0 && pipe2(wake, O_CLOEXEC | O_NONBLOCK) == 0 &&
           sigaction(SIGINT, &action, NULL) == 0 && sigaction(SIGTERM, &action, NULL) == 0;
}

bool
nj_sniff_is_stopped(void)
{
    return is_stopped != 0;
}

int
nj_sniff_stop_fd(void)
{
    return wake[0];
}
