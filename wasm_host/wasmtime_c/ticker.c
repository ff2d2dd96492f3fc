/* The ticks that end the slices of guests, without the interpreter's lock: whoever waits for that lock once a
 * millisecond takes it from a loop that is at work.
 *
 * The same stands in wasm_host/guest/slices.py, in Python. Here, too, one thread sleeps, advances the epoch, and sleeps
 * for longer when nobody has said for a while that a guest is about to run.
 */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

struct ticker {
    void (*tick)(void *engine);
    void *engine;
    struct timespec length;     /* of a tick */
    uint32_t most_idle;         /* ticks in a row without a touch, after which the thread sleeps until there is one */
    atomic_uint idle;
    atomic_bool is_asleep, is_stopped;
    pthread_mutex_t lock;
    pthread_cond_t touched;
};

size_t symbia_ticker_bytes(void)
{
    return sizeof(struct ticker);
}

void symbia_ticker_begin(struct ticker *ticker, void (*tick)(void *), void *engine, uint32_t nanoseconds,
                         uint32_t most_idle)
{
    memset(ticker, 0, sizeof *ticker);
    ticker->tick = tick;
    ticker->engine = engine;
    ticker->length.tv_nsec = nanoseconds;
    ticker->most_idle = most_idle;
    pthread_mutex_init(&ticker->lock, NULL);
    pthread_cond_init(&ticker->touched, NULL);
}

static bool may_sleep(struct ticker *ticker)
{
    return ticker->idle > ticker->most_idle && !ticker->is_stopped;
}

/* Whoever touches sets `idle` and then looks at `is_asleep`; this does so the other way round. So one of both sees the
 * other, and who is to be woken holds the lock from its last look until it waits. */
static void sleep_until_touched(struct ticker *ticker)
{
    pthread_mutex_lock(&ticker->lock);
    ticker->is_asleep = true;
    while (may_sleep(ticker))
        pthread_cond_wait(&ticker->touched, &ticker->lock);
    ticker->is_asleep = false;
    pthread_mutex_unlock(&ticker->lock);
}

/* The thread; returns when it is stopped. */
void symbia_ticker_run(struct ticker *ticker)
{
    while (!ticker->is_stopped) {
        nanosleep(&ticker->length, NULL);
        ticker->tick(ticker->engine);
        ticker->idle++;
        if (may_sleep(ticker))
            sleep_until_touched(ticker);
    }
}

void symbia_ticker_touch(struct ticker *ticker)
{
    ticker->idle = 0;
    if (ticker->is_asleep) {
        pthread_mutex_lock(&ticker->lock);
        pthread_cond_signal(&ticker->touched);
        pthread_mutex_unlock(&ticker->lock);
    }
}

void symbia_ticker_stop(struct ticker *ticker)
{
    ticker->is_stopped = true;
    symbia_ticker_touch(ticker);
}
