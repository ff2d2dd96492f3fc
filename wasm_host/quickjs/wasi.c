/* The C library's outside world, answered inside the guest, so that the module imports nothing.
 *
 * wasi-libc reaches its host through the __wasi_* functions. Defining here those that end up in the program
 * leaves nothing to import: no files, no randomness, no environment, no clock but the number that the host
 * passed with the call. Should a later C library want one more, the module gets an import, and
 * the host refuses it.
 */
#include "wasi.h"

#include <errno.h>
#include <unistd.h>
#include <wasi/api.h>

static uint64_t clock_ns;

void clock_set_ns(uint64_t ns)
{
    clock_ns = ns;
}

/* Whole milliseconds: performance.now would show the rest of them. */
void clock_set_ms(double ms)
{
    clock_ns = ms > 0 && ms < 9e12 ? (uint64_t)ms * 1000000u : 0;
}

__wasi_errno_t __wasi_clock_time_get(__wasi_clockid_t id, __wasi_timestamp_t precision, __wasi_timestamp_t *result)
{
    (void)id, (void)precision;
    *result = clock_ns;
    return __WASI_ERRNO_SUCCESS;
}

__wasi_errno_t __wasi_fd_close(__wasi_fd_t fd)
{
    (void)fd;
    return __WASI_ERRNO_BADF;
}

/* Zig brings a close() of its own, which would import fd_close directly. */
int close(int fd)
{
    (void)fd;
    errno = EBADF;
    return -1;
}

__wasi_errno_t __wasi_fd_fdstat_get(__wasi_fd_t fd, __wasi_fdstat_t *result)
{
    (void)fd, (void)result;
    return __WASI_ERRNO_BADF;
}

__wasi_errno_t __wasi_fd_seek(__wasi_fd_t fd, __wasi_filedelta_t offset, __wasi_whence_t whence,
                              __wasi_filesize_t *result)
{
    (void)fd, (void)offset, (void)whence, (void)result;
    return __WASI_ERRNO_BADF;
}

__wasi_errno_t __wasi_fd_write(__wasi_fd_t fd, const __wasi_ciovec_t *vectors, size_t count, __wasi_size_t *result)
{
    (void)fd, (void)vectors, (void)count, (void)result;
    return __WASI_ERRNO_BADF;
}
