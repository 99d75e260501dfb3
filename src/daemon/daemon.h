/* SPDX-License-Identifier: Apache-2.0 */
/* daemon.h — `nightjar broker`: configuration, privileges, log, listeners, signals, and the workers
 * between. The only room that knows every other. */
#ifndef NJ_DAEMON_DAEMON_H
#define NJ_DAEMON_DAEMON_H

/* The whole life of a broker process; its exit code is Mosquitto's (see config/config.h). argv[0]
 * is the name it was called by, which the lines to try it with repeat. */
int nj_daemon_main(int argc, char **argv);

#endif
