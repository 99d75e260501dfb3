/* SPDX-License-Identifier: Apache-2.0 */
/* Is a client who it says it is? Asked of every CONNECT before anything else is done about it, by
 * the worker that has accepted it, and once more at home.
 *
 *     CONNECT ── a password to check ──► CHECKING ── it fits ──► CONNECT, which is read again
 *                                           │                    (the entry's stamp says: checked)
 *                                           └── it does not, connect_timeout, the peer is gone
 *
 * The hash is made on the pool, from a copy of the password; the connection may end meanwhile. */
#include "server/conn.h"

#include "base/mem.h"
#include "base/secret.h"
#include "server/say.h"
#include "server/secure.h"
#include "server/server_priv.h"

/* A password that is being checked. */
struct nj_login {
    struct nj_work work;
    struct nj_conn *conn; /* NULL: it has gone; the worker's, never looked at on the pool */
    struct nj_users *users;
    struct nj_user user;
    struct nj_secret password;
    enum nj_err err; /* of the check; until it is run it says that it was not */
    bool fits;
};

static void
free_login(struct nj_login *login)
{
    if (login == NULL)
        return;
    nj_secret_fini(&login->password);
    nj_users_unref(login->users);
    nj_free(login);
}

/* On a thread of the pool. */
static void
check_password(struct nj_work *work)
{
    struct nj_login *login = nj_container_of(work, struct nj_login, work);

    login->err =
        login->users->ops->check(login->user.entry, nj_secret_lend(&login->password), &login->fits);
}

static enum nj_cause
begin_login(struct nj_conn *c, struct nj_user user, struct nj_str password)
{
    struct nj_worker *w = c->worker;
    struct nj_login *login = nj_zalloc(sizeof(*login));
    enum nj_err err;

    if (login == NULL || !nj_secret_copy(&login->password, password)) {
        free_login(login);
        return NJ_CAUSE_OUT_OF_MEMORY;
    }
    login->work = (struct nj_work){
        .letter = {.kind = NJ_LETTER_LOGIN},
        .box = &w->mailbox,
        .wakes = w->reactor,
        .run = check_password,
    };
    login->conn = c;
    login->users = nj_users_ref(nj_conn_listener(c)->users);
    login->user = user;
    login->err = NJ_ECLOSED;
    err = nj_pool_give(w->server->pool, &login->work);
    if (err != NJ_OK) {
        free_login(login);
        return err == NJ_EQUOTA ? NJ_CAUSE_PASSWORD_QUEUE : NJ_CAUSE_OUT_OF_MEMORY;
    }
    c->login = login;
    nj_conn_enter(c, NJ_CONN_CHECKING);
    return NJ_CAUSE_NONE;
}

/* Its user is known by what TLS has proved, and no password is asked for. */
static bool
is_proved(const struct nj_conn *c)
{
    const struct nj_listener_opts *l = nj_conn_listener(c);

    return c->secure != NULL && (l->use_identity_as_username || l->use_subject_as_username);
}

enum nj_cause
nj_conn_take_identity(const struct nj_conn *c, struct nj_connect *p)
{
    if (!is_proved(c))
        return NJ_CAUSE_NONE;
    if (c->secure->user == NULL)
        return NJ_CAUSE_NO_IDENTITY;
    p->has_user_name = true;
    p->user_name = nj_str_of(c->secure->user);
    return NJ_CAUSE_NONE;
}

/* Who gives a user name where nobody is known is as anonymous as who gives none, as in Mosquitto.
 * A user name without password costs no hash, whoever it is. */
static enum nj_cause
ask(struct nj_conn *c, const struct nj_connect *p)
{
    const struct nj_listener_opts *l = nj_conn_listener(c);
    struct nj_user user;

    if (is_proved(c))
        return NJ_CAUSE_NONE;
    if (l->users == NULL || !p->has_user_name) {
        if (l->allow_anonymous)
            return NJ_CAUSE_NONE;
        return p->has_user_name ? NJ_CAUSE_USER_UNKNOWN : NJ_CAUSE_NO_USER_NAME;
    }
    if (!p->has_password)
        return NJ_CAUSE_NO_PASSWORD;
    user = l->users->ops->find(l->users, p->user_name);
    if (user.stamp != 0 && user.stamp == c->user_stamp)
        return NJ_CAUSE_NONE;
    return begin_login(c, user, p->password);
}

enum nj_cause
nj_conn_identify(struct nj_conn *c, const struct nj_connect *p)
{
    if (p->has_user_name && c->user_name == NULL) {
        c->user_name = nj_str_dup(p->user_name);
        if (c->user_name == NULL)
            return NJ_CAUSE_OUT_OF_MEMORY;
    }
    return ask(c, p);
}

/* The packet lies in memory of ours. */
void
nj_conn_forget_password(struct nj_conn *c, const struct nj_connect *p)
{
    if (p->has_password && p->password.n > 0)
        nj_secret_wipe((char *)(uintptr_t)p->password.p, p->password.n);
    if (c->secure != NULL)
        nj_tls_stop_wiping(c->secure->tls);
}

/* ---- the answer ---- */

static enum nj_cause
judge(const struct nj_login *login)
{
    if (login->err == NJ_ECLOSED)
        return NJ_CAUSE_SHUTTING_DOWN;
    if (login->err != NJ_OK)
        return NJ_CAUSE_OUT_OF_MEMORY;
    if (login->user.stamp == 0)
        return NJ_CAUSE_USER_UNKNOWN;
    return login->fits ? NJ_CAUSE_NONE : NJ_CAUSE_WRONG_PASSWORD;
}

void
nj_conn_logged_in(struct nj_letter *letter)
{
    struct nj_login *login = nj_container_of(letter, struct nj_login, work.letter);
    struct nj_conn *c = login->conn;
    enum nj_cause cause = judge(login);

    if (c != NULL)
        c->login = NULL;
    if (c != NULL && c->state == NJ_CONN_CHECKING) {
        if (cause != NJ_CAUSE_NONE) {
            nj_say_refused(c, cause);
            nj_conn_end(c, cause);
        } else {
            c->user_stamp = login->user.stamp;
            nj_conn_enter(c, NJ_CONN_CONNECT);
            nj_conn_continue(c);
        }
    }
    free_login(login);
}

void
nj_conn_leave_login(struct nj_conn *c)
{
    struct nj_login *login = c->login;

    if (login == NULL)
        return;
    c->login = NULL;
    login->conn = NULL;
    if (nj_pool_take_back(c->worker->server->pool, &login->work))
        free_login(login);
}

void
nj_login_discard(struct nj_letter *letter)
{
    struct nj_login *login = nj_container_of(letter, struct nj_login, work.letter);

    if (login->conn != NULL)
        login->conn->login = NULL;
    free_login(login);
}

/* ---- after a reload ---- */

void
nj_conn_reconsider(struct nj_conn *c)
{
    const struct nj_listener_opts *l = nj_conn_listener(c);
    bool is_welcome = l->allow_anonymous;

    nj_secure_reconsider(c);
    if (c->state != NJ_CONN_AUTH && c->state != NJ_CONN_OPENING && c->state != NJ_CONN_ACTIVE)
        return;
    if (is_proved(c))
        is_welcome = true;
    else if (l->users != NULL && c->user_name != NULL)
        is_welcome = c->user_stamp != 0 &&
                     l->users->ops->find(l->users, nj_str_of(c->user_name)).stamp == c->user_stamp;
    if (!is_welcome)
        nj_conn_end(c, NJ_CAUSE_NOT_AUTHORIZED);
}
