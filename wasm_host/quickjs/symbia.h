/* The guest ABI, version 1.
 *
 * A guest is a WebAssembly module that imports nothing and exports what stands below.
 * The QuickJS guest in this folder is one; a component in C, Zig or AssemblyScript is another.
 * Everything is little-endian. Strings are UTF-8; values are JSON text.
 *
 * Exports
 *
 *   memory                       the linear memory
 *   _initialize()                optional; called once, first
 *   symbia_abi() -> 1            the version of this contract
 *   symbia_status() -> address   of the 16-byte status block (struct symbia_status); it never moves
 *   symbia_awaited() -> address  optional; of a word that the host sets to 1 where symbia_process has taken long:
 *                                a guest that has closed a message by then returns without beginning another, so
 *                                that what it has made can leave. The guest clears it when the call begins.
 *   symbia_input(capacity) -> address of a buffer of that many bytes, 0 when there is no memory for it.
 *                                It stays valid until the next symbia_input. One byte beyond
 *                                a message may be overwritten by the guest.
 *   symbia_open(length)    -> 0  the input holds struct symbia_open and the open document, JSON:
 *                                {mode, source, entrypoint, filename, executionId, nodeId, instanceId, config,
 *                                inputs: [names], outputs: [names], state: {key: value}, limits,
 *                                restored: 1 when this guest replaces another, check: 1 to compile only, 2 to try
 *                                an expression as well, param: what the variable of this name holds, where there
 *                                is to be one, migrateFrom: the version whose state this is, where it is another's;
 *                                then the program's migrate, if it has one, says what becomes of it}.
 *                                1: the program cannot be used; 2: initialize failed. In both cases
 *                                the last record is an ERROR. What initialize caused is one message.
 *                                3 (SYMBIA_OPENED_TO_FLUSH): all is well as with 0, and symbia_flush is to be called.
 *   symbia_process(length) -> 0  the input holds a batch (struct symbia_batch). The guest closes one
 *                                message after another. It may return before the last one, when it has
 *                                closed at least one: the host sends the others again.
 *   symbia_flush(length)   -> 0  optional; called once where symbia_open has answered 3, when no further message will
 *                                come. The input holds a batch of none, for its clock. What it causes is one message.
 *   symbia_next(length)    -> n  optional; called of a source as long as there is room. The input holds a batch of none,
 *                                for its clock. What it causes is one message. n are the milliseconds after which it
 *                                wants to be called again; -1 (SYMBIA_NO_MORE): never.
 *   symbia_close()         -> 0  runs cleanup. Only LOG and ERROR records make sense here.
 *
 * Any other result, and any trap, says that this guest is broken: the host destroys it. Messages closed by then
 * keep their effects, the message under way is charged with the error, the others go to a new guest.
 *
 * Output
 *
 * The status block says where the output of the current call lies and how much of it is complete. The host clears
 * all of it but the address before it calls symbia_open, symbia_process, symbia_flush, symbia_next and symbia_close.
 * It is a stream of records (struct symbia_record and its payload), without padding. The last record of a message
 * carries SYMBIA_CLOSES. An invocation is a transaction: with an ERROR record among its records,
 * its emissions and state writes are dropped, and its logs stay.
 */
#ifndef SYMBIA_H
#define SYMBIA_H

#include <stdint.h>

#define SYMBIA_ABI 1
#define SYMBIA_OPENED_TO_FLUSH 3
#define SYMBIA_NO_MORE (-1)
#define SYMBIA_LONGEST_PAUSE_MS 86400000
#define SYMBIA_CHAIN_MOST 32   /* programs in one guest of the chain's kind; see the end of this file */
#define SYMBIA_OUTLETS_MOST 64 /* output ports, of all of these together, that lead to others of them */

struct symbia_status {
    uint32_t output;   /* address of the first record */
    uint32_t length;   /* bytes of whole records */
    uint32_t closed;   /* messages of this batch that are closed; the CPU budget restarts with each */
    uint32_t fault;    /* why the guest is about to give up; see below */
    /* The rest is for chains only; other guests end here. */
    uint32_t begun;    /* messages of the batch that were begun */
    uint32_t counts[2 * SYMBIA_CHAIN_MOST + SYMBIA_OUTLETS_MOST];
                       /* of each program that is open: its invocations, and the values that it emitted in all;
                          then of each outlet: the values that were passed on by it */
};

enum symbia_fault {
    SYMBIA_FAULT_NONE = 0,
    SYMBIA_FAULT_MEMORY = 1,   /* the guest asked for memory and got none */
};

/* Followed by the open document. */
struct symbia_open {
    uint64_t seed;     /* of all randomness there is */
    double now_ms;     /* the only clock there is, milliseconds since 1970; it stands still during a call */
};

/* Followed by count x uint32_t port, count x uint32_t length, and the values back to back. */
struct __attribute__((packed)) symbia_batch {
    uint32_t count;
    double now_ms;
};

struct symbia_record {
    uint8_t kind;
    uint8_t flags;
    uint16_t port;     /* EMIT and FORWARD: index into the declared outputs; otherwise 0 */
    uint32_t length;   /* bytes of payload that follow */
};

enum symbia_kind {
    SYMBIA_NOTHING = 0,   /* no payload: a message without effects still needs a record to close it */
    SYMBIA_EMIT = 1,      /* a value */
    SYMBIA_FORWARD = 2,   /* no payload: the host emits this invocation's input, byte for byte; in chains, uint32_t:
                             the place in the batch of the message that it is, and that nobody has changed since */
    SYMBIA_LOG = 3,       /* {"level": "debug|info|warn|error", "message": string, "meta"?: value} */
    SYMBIA_STATE = 4,     /* uint32_t key length, key, value; without a value the key is deleted */
    SYMBIA_ERROR = 5,     /* {"name": string, "message": string, "stack": string} */
    SYMBIA_INPUT = 6,     /* chains: the value that an invocation with an ERROR had; port: index of the input */
    SYMBIA_PENDING = 7,   /* chains: a value that was passed on, and is still to be taken; port: the way that it came */
};

#define SYMBIA_CLOSES 1
#define SYMBIA_OF_PROGRAM 2   /* chains: the flags hold the program's index, times this */
#define SYMBIA_APOCRYPHAL 64  /* chains: the invocation's message is in the other lane; so is what is pending */

/* Chains: what the QuickJS guest can do beyond the contract. A module of others need not know of it.
 *
 * Each further symbia_open opens one more program in the same guest, behind the one before it. Values go from
 * programs to later ones only. Its document also has {rank: a number below 32, lower than that of all programs that it
 * feeds, outlets: [[an output whose values go to other programs, whether
 * they also leave the chain, [[a program that they go to, its input, the lane of what goes there at least], ...]],
 * ...], unheard: [outputs whose values reach nobody], memoryBytes: what the program's runtime may hold, valueBytes: what
 * a value may have that is passed on}.
 * Outlets and ways are numbered through all programs, in the order of their documents.
 *
 *   symbia_relay(length)   -> 0  the input holds what is opened in the place of a program, and only hands values on as
 *                                they come (struct symbia_relay). It is numbered and fed as a program, needs no
 *                                selecting, flushing or closing, and never fails.
 *   symbia_select(index)   -> 0  says which program symbia_flush and symbia_close are for
 *   symbia_chain(length)   -> 0  the input holds a batch (struct symbia_chain_batch). Each message goes to its program,
 *                                and what that emits by an outlet goes to the programs behind it, of those
 *                                that have something the one of the highest rank always first, until nothing is
 *                                left; then the second message is begun. Every invocation is a transaction and counts as
 *                                closed; those that leave nothing to tell have no record.
 *                                When there is much to tell already, the guest returns early: `begun` says how many
 *                                messages were begun, and a PENDING record stands for each value that was passed
 *                                on and not taken, the furthest program's first.
 *
 * A chain that is stopped midway, for whatever reason, has done nothing: the host drops all of the call's output.
 */

/* Followed by count x (uint16_t port, uint16_t program), count x uint32_t length, and the values back to back. */
struct __attribute__((packed)) symbia_chain_batch {
    uint32_t count;
    double now_ms;
    uint16_t told;     /* enum symbia_told */
    uint16_t lane;     /* of all messages of the batch: 1 for apocryphal */
};

/* Followed by uint16_t numbers: the output that what comes by each input goes to; then for each outlet its output, whether
 * its values also leave the chain, how many ways it has, and of each way the program, its input and the lane. */
struct symbia_relay {
    uint64_t unheard;  /* a bit for each of the first 64 outputs whose values reach nobody */
    uint16_t rank;
    uint16_t inputs;
    uint16_t outlets;
    uint16_t unused;
};

/* What the host is told beyond what it must act upon. */
enum symbia_told {
    SYMBIA_TOLD_NOTHING = 0,
    SYMBIA_TOLD_OUTPUTS = 1,      /* values of the outputs in unheard, too: somebody hears them now */
    SYMBIA_TOLD_EVERYTHING = 2,   /* those, and as EMIT what is passed on; each invocation has a record */
};

#endif
