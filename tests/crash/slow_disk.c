/* Lets each write that is to be durable take some milliseconds, as on a disk that others use (for LD_PRELOAD). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

static void wait_a_moment(void) { usleep((useconds_t)(random() % 20000)); }

int fsync(int file) {
  wait_a_moment();
  return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(file);
}

int fdatasync(int file) {
  wait_a_moment();
  return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(file);
}
