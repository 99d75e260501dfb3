/* SPDX-License-Identifier: Apache-2.0 */
/* mutex.h — a lock for short sections: one filter, one message, a few pointers. Never held across
 * I/O. A thread that finds it taken spins a little before it sleeps. */
#ifndef NJ_BASE_MUTEX_H
#define NJ_BASE_MUTEX_H

#include <pthread.h>

struct nj_mutex {
    pthread_mutex_t m; /* private */
};

void nj_mutex_init(struct nj_mutex *mutex);
/* Nobody holds it. */
void nj_mutex_fini(struct nj_mutex *mutex);

/* Not recursive. */
void nj_mutex_lock(struct nj_mutex *mutex);
void nj_mutex_unlock(struct nj_mutex *mutex);

#endif
