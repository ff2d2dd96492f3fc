#ifndef STATE_H
#define STATE_H

#include "guest.h"

int state_load(JSValueConst values);
void state_begin(void);
void state_commit(void);                                /* writes STATE records */
void state_rollback(void);
JSValue state_get(JSValueConst key);
int state_set(JSValueConst key, JSValueConst value);
int state_replace(JSValueConst values);                 /* what is not among them is gone */

#endif
