// A wall clock that is off by as many ms as the file $CHAOS_CLOCK says (8 bytes, read anew at every look).
//
// Loaded with LD_PRELOAD. Monotonic clocks are true, sleeping is true; a wait until an instant of the wall clock ends as
// long after its beginning as it would have. (libfaketime 0.9.10 breaks Python's sleep where it leaves monotonic clocks
// alone, and a kernel's time namespaces do not shift the wall clock.)
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#define NS 1000000000L
#define WALL 1000000000L  // seconds: a deadline beyond is one of the wall clock, not of the time since boot

static const volatile int64_t *offset_ms;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("CHAOS_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *found = file < 0 ? MAP_FAILED : mmap(0, sizeof *offset_ms, PROT_READ, MAP_SHARED, file, 0);
    if (found != MAP_FAILED) offset_ms = found;
    if (file >= 0) close(file);
}

static struct timespec shifted(struct timespec at, int64_t ms) {
    int64_t ns = at.tv_nsec + ms % 1000 * 1000000L;
    at.tv_sec += ms / 1000 + (ns < 0 ? -1 : ns / NS);
    at.tv_nsec = ns < 0 ? ns + NS : ns % NS;
    return at;
}

int clock_gettime(clockid_t id, struct timespec *at) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(id, at);
    if (!failed && offset_ms && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) *at = shifted(*at, *offset_ms);
    return failed;
}

int timespec_get(struct timespec *at, int base) {
    return base == TIME_UTC && !clock_gettime(CLOCK_REALTIME, at) ? base : 0;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}

static struct timespec true_instant(const struct timespec *until) {
    return offset_ms && until->tv_sec > WALL ? shifted(*until, -*offset_ms) : *until;
}

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until) {
    static int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    if (!real) real = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");  // plain dlsym finds one of 1997
    if (!real) real = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
    struct timespec at = true_instant(until);
    return real(condition, mutex, &at);
}

// C's own name for the same, which is no call of the one above: Kafka's client waits so.
int cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict mutex, const struct timespec *restrict until) {
    static int (*real)(cnd_t *, mtx_t *, const struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "cnd_timedwait");
    struct timespec at = true_instant(until);
    return real(condition, mutex, &at);
}
