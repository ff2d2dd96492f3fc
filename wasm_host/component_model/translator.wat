;; Stands between a stranger's component and the host, inside the sandbox.
;;
;; The host could call `handler` itself, but then Wasmtime would build every list, record and string that the component
;; returns on the host's heap, in one go: a component whose million list entries all name the same megabyte
;; would hold the event loop and the memory of everybody. Here they are copied into this component's linear memory
;; instead, by code that is metered and interrupted like the stranger's own.
;;
;; The host sees three functions from text to text. The text is a piece of this memory, one character a byte
;; (latin1), laid out as the Canonical ABI lays it out; image.py writes and reads it.
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

  ;; Address 16 holds the text's address and length. The input lies at 4096 ; the answer, 64 bytes that the
  ;; component's result fits into and then all that it points to, begins at the next multiple of 16.
  (core module $Calls
    (import "memory" "memory" (memory 2))
    (import "memory" "realloc" (func $realloc (param i32 i32 i32 i32) (result i32)))
    (import "memory" "end" (func $end (result i32)))
    (import "memory" "reset" (func $reset))
    (import "handler" "open" (func $open (param i32 i32)))
    (import "handler" "process" (func $process (param i32 i32 i64 i32)))
    (import "handler" "close" (func $close (param i32)))

    (func $room (result i32) (call $realloc (i32.const 0) (i32.const 0) (i32.const 16) (i32.const 64)))

    (func $text (param $answer i32) (result i32)
      (i32.store (i32.const 16) (local.get $answer))
      (i32.store (i32.const 20) (i32.sub (call $end) (local.get $answer)))
      (i32.const 16))

    (func (export "open") (param $at i32) (param $length i32) (result i32)
      (local $answer i32)
      (call $open (local.get $at) (local.tee $answer (call $room)))
      (call $text (local.get $answer)))

    ;; The input begins with the list's address and length, and the time.
    (func (export "process") (param $at i32) (param $length i32) (result i32)
      (local $answer i32)
      (call $process
        (i32.load (local.get $at)) (i32.load offset=4 (local.get $at)) (i64.load offset=8 (local.get $at))
        (local.tee $answer (call $room)))
      (call $text (local.get $answer)))

    (func (export "close") (result i32)
      (local $answer i32)
      (call $close (local.tee $answer (call $room)))
      (call $text (local.get $answer)))

    (func (export "done") (param i32) (call $reset)))

  (core instance $calls (instantiate $Calls
    (with "memory" (instance $memory))
    (with "handler" (instance
      (export "open" (func $open)) (export "process" (func $process)) (export "close" (func $close))))))

  (func (export "open") (param "place" string) (result string) (canon lift (core func $calls "open")
    string-encoding=latin1+utf16 (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))
    (post-return (core func $calls "done"))))
  (func (export "process") (param "batch" string) (result string) (canon lift (core func $calls "process")
    string-encoding=latin1+utf16 (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))
    (post-return (core func $calls "done"))))
  (func (export "close") (result string) (canon lift (core func $calls "close")
    string-encoding=latin1+utf16 (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))
    (post-return (core func $calls "done")))))
