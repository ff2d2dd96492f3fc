#ifndef LIMIT_H
#define LIMIT_H

#include "guest.h"

void limits_read(JSValueConst document);

/* Throws, and fails the invocation also where the program catches it. */
JSValue limit_error(const char *name, const char *what, const char *limit, uint32_t value);
#define LIMIT_ERROR(name, what, limit) limit_error(name, what, #limit, guest->limits.limit)

#endif
