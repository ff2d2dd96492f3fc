#ifndef LOCALE_H
#define LOCALE_H

#include "guest.h"

void locale_install(JSValueConst global);

#endif
