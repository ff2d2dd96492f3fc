#ifndef WASI_H
#define WASI_H

#include "guest.h"

void clock_set_ns(uint64_t ns);
void clock_set_ms(double ms);

#endif
