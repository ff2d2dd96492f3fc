#ifndef CONTEXT_H
#define CONTEXT_H

#include "guest.h"

int context_install(const char *execution_id, const char *node_id, const char *instance_id,
                    JSValueConst parameters);   /* undefined where there is no variable for them */

#endif
