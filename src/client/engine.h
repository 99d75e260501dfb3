/* SPDX-License-Identifier: Apache-2.0 */
/* engine.h — a client's side of MQTT without a socket: bytes in, events and bytes out, time as an
 * argument.
 *
 *           open                 CONNACK 0             disconnect()
 *   OFFLINE ────► CONNECTING ──────────────► ACTIVE ────────────────► CLOSING
 *      ▲               │ refused, a fault      │ a fault                 │
 *      │               └────────► FAILED ◄─────┘                         │
 *      │    (DISCONNECTED told)     │ close          close from anywhere │
 *      └──────────────────────────  LOST  ◄──────────────────────────────┘
 *
 * Who drives it: call nj_engine_open() when the transport is up, feed nj_engine_input_space(), send
 * nj_engine_output(), take nj_engine_next() until it is false, look at nj_engine_wants_close(), and
 * tell nj_engine_close() when the transport is gone. The session (messages on their way, QoS 2
 * identifiers seen) outlives connections.
 *
 * Invariants: nothing is held beyond the ceilings of the options; while more than `output_bytes`
 * wait to be written no input is looked at, so a broker that sends but does not read cannot make
 * us hold its answers. No byte from the broker leads to anything but an event or an end. */
#ifndef NJ_CLIENT_ENGINE_H
#define NJ_CLIENT_ENGINE_H

#include "base/clock.h"
#include "base/str.h"

#include <nightjar/client.h>

struct nj_engine;

/* `opts` are taken over as they are, strings included, and must have passed nj_client_opts_copy().
 * Errors: ENOMEM; then they are still the caller's. */
enum nj_client_err nj_engine_new(struct nj_engine **out, struct nj_client_opts *opts);
void nj_engine_free(struct nj_engine *e);

/* ---- the transport ---- */

/* It is up: CONNECT is the first output. Only when nj_engine_is_offline(). Errors: ENOMEM. */
enum nj_client_err nj_engine_open(struct nj_engine *e, nj_time now);
/* It is gone. What has arrived is still told, then DISCONNECTED with `why`, unless that was told
 * or asked for. `detail` may be NULL. */
void nj_engine_close(struct nj_engine *e, enum nj_client_err why, const char *detail);
/* The transport is to be closed: after a fault (write what you can, do not wait), or after a
 * goodbye, all output written. */
bool nj_engine_wants_close(const struct nj_engine *e);
/* CONNECT went out, and not one byte has come since. */
bool nj_engine_is_unanswered(const struct nj_engine *e);
/* Neither lost nor offline. */
bool nj_engine_has_transport(const struct nj_engine *e);
/* Nothing can be written any more, though there may be something to read. */
void nj_engine_stop_output(struct nj_engine *e);
bool nj_engine_is_offline(const struct nj_engine *e);
bool nj_engine_is_active(const struct nj_engine *e);

/* Where to read into, at least one byte; NULL without memory. What the last event pointed at is
 * gone. */
void *nj_engine_input_space(struct nj_engine *e, size_t *n);
void nj_engine_input_filled(struct nj_engine *e, size_t n, nj_time now);
/* Whether reading now leads anywhere: false while events or output must be taken first. */
bool nj_engine_wants_input(const struct nj_engine *e);

/* What is to be written, oldest first; lent until the next call. */
struct nj_str nj_engine_output(const struct nj_engine *e);
void nj_engine_written(struct nj_engine *e, size_t n, nj_time now);

/* When nj_engine_on_time() has something to do; NJ_NEVER. */
nj_time nj_engine_deadline(const struct nj_engine *e);
void nj_engine_on_time(struct nj_engine *e, nj_time now);

/* ---- events ---- */

/* The next one; false: none until there is more input. */
bool nj_engine_next(struct nj_engine *e, struct nj_client_event *out);
/* Whether nj_engine_next() may find one: bytes or an end wait. */
bool nj_engine_may_have_event(const struct nj_engine *e);

/* ---- requests: as the functions of the same names in client.h ---- */

enum nj_client_err nj_engine_publish(struct nj_engine *e, const struct nj_client_message *m,
                                     uint16_t *packet_id);
enum nj_client_err nj_engine_subscribe(struct nj_engine *e,
                                       const struct nj_client_subscription *list, size_t count,
                                       struct nj_client_properties properties, uint16_t *packet_id);
enum nj_client_err nj_engine_unsubscribe(struct nj_engine *e, const char *const *filters,
                                         size_t count, struct nj_client_properties properties,
                                         uint16_t *packet_id);
enum nj_client_err nj_engine_reauthenticate(struct nj_engine *e, const void *data, size_t n);
enum nj_client_err nj_engine_disconnect(struct nj_engine *e, unsigned reason,
                                        struct nj_client_properties properties, nj_time now);

/* ---- questions ---- */

const struct nj_client_opts *nj_engine_opts(const struct nj_engine *e);
const char *nj_engine_client_id(const struct nj_engine *e);
const char *nj_engine_detail(const struct nj_engine *e);
size_t nj_engine_unacknowledged(const struct nj_engine *e);

#endif
