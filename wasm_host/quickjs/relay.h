#ifndef RELAY_H
#define RELAY_H

#include "guest.h"

void relay_message(uint16_t port);      /* the invocation under way of a program that only hands on */

#endif
