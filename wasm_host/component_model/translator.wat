;; Stands between an untrusted component and the host, inside the sandbox.
;;
;; The host could call `handler` itself, but then Wasmtime would build every list, record and string that the component
;; returns on the host's heap, in one go: a component whose million list entries all name the same megabyte
;; would hold the event loop and the memory of everybody. Here they are copied into this component's linear memory
;; instead, by code that is metered and interrupted like that component's own.
;;
;; The host sees functions from text to text. The text is a piece of this memory, one character a byte
;; (latin1), laid out as the Canonical ABI lays it out; canonical_abi.py writes and reads it.
;; What the host sends always lands at the same address, so it can contain addresses, and so can the answer.
;;
;; The types are those of wit/symbia-component.wit, less its other names for string and u64; a component that exports
;; others is refused when it is compiled.
(component
  (import "handler" (instance $handler
    (type $entry' (record (field "key" string) (field "value" string)))
    (export "entry" (type $entry (eq $entry')))
    (type $place' (record
      (field "execution-id" string) (field "node-id" string) (field "instance-id" string) (field "config" string)
      (field "inputs" (list string)) (field "outputs" (list string)) (field "state" (list $entry))
      (field "restored" bool) (field "seed" u64) (field "now" u64)))
    (export "place" (type $place (eq $place')))
    (type $message' (record (field "port" string) (field "value" string)))
    (export "message" (type $message (eq $message')))
    (type $emission' (record (field "port" string) (field "value" string)))
    (export "emission" (type $emission (eq $emission')))
    (type $state-write' (record (field "key" string) (field "value" (option string))))
    (export "state-write" (type $state-write (eq $state-write')))
    (type $level' (enum "debug" "info" "warn" "error")) (export "level" (type $level (eq $level')))
    (type $log-line' (record (field "level" $level) (field "message" string) (field "meta" (option string))))
    (export "log-line" (type $log-line (eq $log-line')))
    (type $failure' (record (field "name" string) (field "message" string) (field "stack" string)))
    (export "failure" (type $failure (eq $failure')))
    (type $effects' (record
      (field "emissions" (list $emission)) (field "state" (list $state-write)) (field "logs" (list $log-line))
      (field "error" (option $failure))))
    (export "effects" (type $effects (eq $effects')))
    (export "open" (func (param "place" $place) (result $effects)))
    (export "process" (func
      (param "messages" (list $message)) (param "now" u64) (result (list $effects))))
    (export "close" (func (result $effects)))))

  ;; The memory stands apart, because lowering the imports needs it before the module that calls them exists.
  (core module $Memory
    (memory (export "memory") 2 384) ;; 24 MiB at most: the input and output of one call, whatever the component's memory
    (global $next (mut i32) (i32.const 4096))
    (global $last (mut i32) (i32.const 0))

    (func $output_limit_exceeded unreachable) ;; its name in the trap's trace is what the host goes by

    ;; Allocates upwards and never frees; only the newest allocation can change its size.
    (func (export "realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
      (local $at i32)
      (local $end i64)
      (local.set $at (global.get $next))
      (if (i32.and (i32.ne (local.get $old) (i32.const 0)) (i32.eq (local.get $old) (global.get $last)))
        (then (local.set $at (local.get $old))))
      (local.set $at (i32.and
        (i32.add (local.get $at) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
      (local.set $end (i64.add (i64.extend_i32_u (local.get $at)) (i64.extend_i32_u (local.get $size))))
      (if (i64.gt_u (local.get $end) (i64.const 25165824)) (then (call $output_limit_exceeded)))
      (if (i32.gt_u (i32.wrap_i64 (local.get $end)) (i32.shl (memory.size) (i32.const 16)))
        (then (if (i32.eq (i32.const -1) (memory.grow (i32.shr_u
            (i32.add (i32.const 65535) (i32.sub
              (i32.wrap_i64 (local.get $end)) (i32.shl (memory.size) (i32.const 16))))
            (i32.const 16))))
          (then (call $output_limit_exceeded)))))
      (if (i32.and
          (i32.ne (local.get $old) (i32.const 0)) (i32.ne (local.get $old) (local.get $at)))
        (then (memory.copy (local.get $at) (local.get $old)
          (select (local.get $old_size) (local.get $size)
            (i32.lt_u (local.get $old_size) (local.get $size))))))
      (global.set $last (local.get $at))
      (global.set $next (i32.wrap_i64 (local.get $end)))
      (local.get $at))

    (func (export "end") (result i32) (global.get $next))
    (func (export "reset") (global.set $next (i32.const 4096)) (global.set $last (i32.const 0))))

  (core instance $memory (instantiate $Memory))
  (core func $open (canon lower (func $handler "open")
    (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
  (core func $process (canon lower (func $handler "process")
    (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
  (core func $close (canon lower (func $handler "close")
    (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))

  ;; Address 16 holds a text's address and length. The input lies at 4096; the answer, 64 bytes that the component's
  ;; result fits into and then all that it points to, begins at the next multiple of 16.
  ;;
  ;; Moving a text is one step for the host, in which nobody else can run, so long ones move in pieces: `put` takes
  ;; all but the last piece of an input, `more` gives all but the first of an answer, whose length stands at its
  ;; offset 60. Pieces of an input have even lengths, so that they lie side by side.
  (core module $Calls
    (import "memory" "memory" (memory 2))
    (import "memory" "realloc" (func $realloc (param i32 i32 i32 i32) (result i32)))
    (import "memory" "end" (func $end (result i32)))
    (import "memory" "reset" (func $reset))
    (import "handler" "open" (func $open (param i32 i32)))
    (import "handler" "process" (func $process (param i32 i32 i64 i32)))
    (import "handler" "close" (func $close (param i32)))
    (global $given (mut i32) (i32.const 0))
    (global $whole (mut i32) (i32.const 0))

    (func $room (result i32) (call $realloc (i32.const 0) (i32.const 0) (i32.const 16) (i32.const 64)))

    (func $piece (export "more") (result i32)
      (local $length i32)
      (local.set $length (i32.sub (global.get $whole) (global.get $given)))
      (if (i32.gt_u (local.get $length) (i32.const 262144)) (then (local.set $length (i32.const 262144))))
      (i32.store (i32.const 16) (global.get $given))
      (i32.store (i32.const 20) (local.get $length))
      (global.set $given (i32.add (global.get $given) (local.get $length)))
      (i32.const 16))

    (func $text (param $answer i32) (result i32)
      (global.set $given (local.get $answer))
      (global.set $whole (call $end))
      (i32.store offset=60 (local.get $answer) (i32.sub (global.get $whole) (local.get $answer)))
      (call $piece))

    (func (export "put") (param i32 i32))

    (func (export "open") (param i32 i32) (result i32)
      (local $answer i32)
      (call $open (i32.const 4096) (local.tee $answer (call $room)))
      (call $text (local.get $answer)))

    ;; The input begins with the list's address and length, and the time.
    (func (export "process") (param i32 i32) (result i32)
      (local $answer i32)
      (call $process
        (i32.load (i32.const 4096)) (i32.load (i32.const 4100)) (i64.load (i32.const 4104))
        (local.tee $answer (call $room)))
      (call $text (local.get $answer)))

    (func (export "close") (result i32)
      (local $answer i32)
      (call $close (local.tee $answer (call $room)))
      (call $text (local.get $answer)))

    (func (export "done") (param i32)
      (if (i32.eq (global.get $given) (global.get $whole)) (then (call $reset)))))

  (core instance $calls (instantiate $Calls
    (with "memory" (instance $memory))
    (with "handler" (instance
      (export "open" (func $open)) (export "process" (func $process)) (export "close" (func $close))))))

  (func (export "put") (param "piece" string) (canon lift (core func $calls "put")
    string-encoding=latin1+utf16 (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
  (func (export "more") (result string) (canon lift (core func $calls "more")
    string-encoding=latin1+utf16 (memory (core memory $memory "memory"))
    (post-return (core func $calls "done"))))
  (func (export "open") (param "place" string) (result string) (canon lift (core func $calls "open")
    string-encoding=latin1+utf16 (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))
    (post-return (core func $calls "done"))))
  (func (export "process") (param "batch" string) (result string) (canon lift (core func $calls "process")
    string-encoding=latin1+utf16 (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))
    (post-return (core func $calls "done"))))
  (func (export "close") (result string) (canon lift (core func $calls "close")
    string-encoding=latin1+utf16 (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))
    (post-return (core func $calls "done")))))
