;; Finds the records of delimited text, 64 bytes at a time: see structure.ts, which feeds it.
;;
;; A quote opens a quoted cell only where a cell begins; "" inside one is a quote. A record ends with LF, CR or CR LF
;; outside quotes. Blocks in which a quote stands where none should, and the last bytes of a chunk, go byte by byte.
(module
  ;; Page 0 holds the ragged records, from page 1 on are the bytes to look at.
  (memory (export "memory") 2)

  (global $delimiter (export "delimiter") (mut i32) (i32.const 44))
  ;; What the byte before was: within quotes (0 or -1), a separator, a closing quote, a CR, an end of a line.
  (global $quoted (export "quoted") (mut i64) (i64.const 0))
  (global $separated (mut i64) (i64.const 1))
  (global $closed (mut i64) (i64.const 0))
  (global $returned (mut i64) (i64.const 0))
  (global $ended (export "ended") (mut i64) (i64.const 1))

  (global $records (export "records") (mut i32) (i32.const 0))
  (global $blank (export "blank") (mut i32) (i32.const 0))
  (global $lf (export "lf") (mut i32) (i32.const 0))
  (global $cr (export "cr") (mut i32) (i32.const 0))
  (global $crlf (export "crlf") (mut i32) (i32.const 0))
  ;; Delimiters of the record so far; those of the first record, -1 before it.
  (global $delimiters (mut i32) (i32.const 0))
  (global $expected (export "expected") (mut i32) (i32.const -1))
  (global $ragged (export "ragged") (mut i32) (i32.const 0))
  (global $stray (export "stray") (mut i32) (i32.const 0))
  ;; The record, from 1, in which the first stray quote stands.
  (global $strayRecord (export "strayRecord") (mut i32) (i32.const 0))

  (func $endRecord (param $isBlank i32)
    (global.set $records (i32.add (global.get $records) (i32.const 1)))
    (if (local.get $isBlank)
      (then (global.set $blank (i32.add (global.get $blank) (i32.const 1))))
      (else (if (i32.lt_s (global.get $expected) (i32.const 0))
        (then (global.set $expected (global.get $delimiters)))
        (else (if (i32.ne (global.get $delimiters) (global.get $expected))
          (then
            (if (i32.lt_u (global.get $ragged) (i32.const 1000))
              (then
                (i32.store (i32.shl (global.get $ragged) (i32.const 3)) (global.get $records))
                (i32.store offset=4 (i32.shl (global.get $ragged) (i32.const 3)) (i32.add (global.get $delimiters) (i32.const 1)))))
            (global.set $ragged (i32.add (global.get $ragged) (i32.const 1)))))))))
    (global.set $delimiters (i32.const 0)))

  (func $noteStray
    (if (i32.eqz (global.get $stray))
      (then (global.set $strayRecord (i32.add (global.get $records) (i32.const 1)))))
    (global.set $stray (i32.add (global.get $stray) (i32.const 1))))

  ;; What the byte before was, outside quotes.
  (func $was (param $separated i64) (param $closed i64) (param $returned i64) (param $ended i64)
    (global.set $separated (local.get $separated))
    (global.set $closed (local.get $closed))
    (global.set $returned (local.get $returned))
    (global.set $ended (local.get $ended)))

  (func $scanBytes (param $at i32) (param $end i32)
    (local $byte i32)
    (loop $next
      (if (i32.ge_u (local.get $at) (local.get $end)) (then (return)))
      (local.set $byte (i32.load8_u (local.get $at)))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (if (i64.ne (global.get $quoted) (i64.const 0))
        (then
          (if (i32.eq (local.get $byte) (i32.const 34))
            (then
              (global.set $quoted (i64.const 0))
              (call $was (i64.const 0) (i64.const 1) (i64.const 0) (i64.const 0))))
          (br $next)))
      (if (i32.eq (local.get $byte) (i32.const 34))
        (then
          (if (i64.ne (i64.or (global.get $separated) (global.get $closed)) (i64.const 0))
            (then (global.set $quoted (i64.const -1)))
            (else (call $noteStray)))
          (call $was (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0))
          (br $next)))
      (if (i32.eq (local.get $byte) (global.get $delimiter))
        (then
          (global.set $delimiters (i32.add (global.get $delimiters) (i32.const 1)))
          (call $was (i64.const 1) (i64.const 0) (i64.const 0) (i64.const 0))
          (br $next)))
      (if (i32.eq (local.get $byte) (i32.const 10))
        (then
          (global.set $lf (i32.add (global.get $lf) (i32.const 1)))
          (if (i64.ne (global.get $returned) (i64.const 0))
            (then (global.set $crlf (i32.add (global.get $crlf) (i32.const 1))))
            (else (call $endRecord (i32.wrap_i64 (global.get $ended)))))
          (call $was (i64.const 1) (i64.const 0) (i64.const 0) (i64.const 1))
          (br $next)))
      (if (i32.eq (local.get $byte) (i32.const 13))
        (then
          (global.set $cr (i32.add (global.get $cr) (i32.const 1)))
          (call $endRecord (i32.wrap_i64 (global.get $ended)))
          (call $was (i64.const 1) (i64.const 0) (i64.const 1) (i64.const 1))
          (br $next)))
      (if (i64.ne (global.get $closed) (i64.const 0)) (then (call $noteStray)))
      (call $was (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0))
      (br $next)))

  ;; A bit for each of 64 bytes that equals the wanted one.
  (func $mask (param $at i32) (param $wanted v128) (result i64)
    (i64.or
      (i64.or
        (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (v128.load (local.get $at)) (local.get $wanted))))
        (i64.shl (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (v128.load offset=16 (local.get $at)) (local.get $wanted)))) (i64.const 16)))
      (i64.or
        (i64.shl (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (v128.load offset=32 (local.get $at)) (local.get $wanted)))) (i64.const 32))
        (i64.shl (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (v128.load offset=48 (local.get $at)) (local.get $wanted)))) (i64.const 48)))))

  (func (export "scan") (param $length i32)
    (local $at i32) (local $end i32)
    (local $delimiter v128)
    (local $quotes i64) (local $inside i64) (local $closing i64) (local $outside i64)
    (local $delimiters i64) (local $lf i64) (local $cr i64) (local $lines i64) (local $pairs i64)
    (local $ends i64) (local $blank i64) (local $below i64)
    (local.set $at (i32.const 65536))
    (local.set $end (i32.add (local.get $at) (local.get $length)))
    (local.set $delimiter (i8x16.splat (global.get $delimiter)))
    (block $done
      (loop $block
        (br_if $done (i32.gt_u (i32.add (local.get $at) (i32.const 64)) (local.get $end)))
        (local.set $quotes (call $mask (local.get $at) (v128.const i8x16 34 34 34 34 34 34 34 34 34 34 34 34 34 34 34 34)))
        (local.set $delimiters (call $mask (local.get $at) (local.get $delimiter)))
        (local.set $lf (call $mask (local.get $at) (v128.const i8x16 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10)))
        (local.set $cr (call $mask (local.get $at) (v128.const i8x16 13 13 13 13 13 13 13 13 13 13 13 13 13 13 13 13)))

        ;; Each quote turns what follows inside out: an opening one is inside, a closing one is not.
        (local.set $inside (local.get $quotes))
        (if (i64.ne (local.get $quotes) (i64.const 0))
          (then
            (local.set $inside (i64.xor (local.get $inside) (i64.shl (local.get $inside) (i64.const 1))))
            (local.set $inside (i64.xor (local.get $inside) (i64.shl (local.get $inside) (i64.const 2))))
            (local.set $inside (i64.xor (local.get $inside) (i64.shl (local.get $inside) (i64.const 4))))
            (local.set $inside (i64.xor (local.get $inside) (i64.shl (local.get $inside) (i64.const 8))))
            (local.set $inside (i64.xor (local.get $inside) (i64.shl (local.get $inside) (i64.const 16))))
            (local.set $inside (i64.xor (local.get $inside) (i64.shl (local.get $inside) (i64.const 32))))))
        (local.set $inside (i64.xor (local.get $inside) (global.get $quoted)))
        (local.set $outside (i64.xor (local.get $inside) (i64.const -1)))
        (local.set $closing (i64.and (local.get $quotes) (local.get $outside)))
        (local.set $lines (i64.or (local.get $lf) (local.get $cr)))

        ;; A quote that opens where no cell begins, or text right after one that closes.
        (if (i64.ne
              (i64.or
                (i64.and
                  (i64.and (local.get $quotes) (local.get $inside))
                  (i64.xor (i64.const -1) (i64.or
                    (i64.or (i64.shl (i64.or (local.get $delimiters) (local.get $lines)) (i64.const 1)) (global.get $separated))
                    (i64.or (i64.shl (local.get $closing) (i64.const 1)) (global.get $closed)))))
                (i64.and
                  (i64.or (i64.shl (local.get $closing) (i64.const 1)) (global.get $closed))
                  (i64.xor (i64.const -1) (i64.or (local.get $quotes) (i64.or (local.get $delimiters) (local.get $lines))))))
              (i64.const 0))
          (then
            (call $scanBytes (local.get $at) (i32.add (local.get $at) (i32.const 64)))
            (local.set $at (i32.add (local.get $at) (i32.const 64)))
            (br $block)))

        (local.set $delimiters (i64.and (local.get $delimiters) (local.get $outside)))
        (local.set $lf (i64.and (local.get $lf) (local.get $outside)))
        (local.set $cr (i64.and (local.get $cr) (local.get $outside)))
        (local.set $lines (i64.or (local.get $lf) (local.get $cr)))
        (local.set $pairs (i64.and (local.get $lf) (i64.or (i64.shl (local.get $cr) (i64.const 1)) (global.get $returned))))
        (local.set $ends (i64.and (local.get $lines) (i64.xor (i64.const -1) (local.get $pairs))))
        (local.set $blank (i64.and (local.get $ends) (i64.or (i64.shl (local.get $lines) (i64.const 1)) (global.get $ended))))
        (global.set $lf (i32.add (global.get $lf) (i32.wrap_i64 (i64.popcnt (local.get $lf)))))
        (global.set $cr (i32.add (global.get $cr) (i32.wrap_i64 (i64.popcnt (local.get $cr)))))
        (global.set $crlf (i32.add (global.get $crlf) (i32.wrap_i64 (i64.popcnt (local.get $pairs)))))
        (call $was
          (i64.shr_u (i64.or (local.get $delimiters) (local.get $lines)) (i64.const 63))
          (i64.shr_u (local.get $closing) (i64.const 63))
          (i64.shr_u (local.get $cr) (i64.const 63))
          (i64.shr_u (local.get $lines) (i64.const 63)))
        (global.set $quoted (i64.shr_s (local.get $inside) (i64.const 63)))

        (block $noMore
          (loop $record
            (br_if $noMore (i64.eqz (local.get $ends)))
            ;; All bits below the lowest end.
            (local.set $below (i64.and (i64.sub (local.get $ends) (i64.const 1)) (i64.xor (local.get $ends) (i64.const -1))))
            (global.set $delimiters (i32.add (global.get $delimiters)
              (i32.wrap_i64 (i64.popcnt (i64.and (local.get $delimiters) (local.get $below))))))
            (local.set $delimiters (i64.and (local.get $delimiters) (i64.xor (local.get $below) (i64.const -1))))
            (call $endRecord (i32.wrap_i64 (i64.and (i64.shr_u (local.get $blank) (i64.popcnt (local.get $below))) (i64.const 1))))
            (local.set $ends (i64.and (local.get $ends) (i64.sub (local.get $ends) (i64.const 1))))
            (br $record)))
        (global.set $delimiters (i32.add (global.get $delimiters) (i32.wrap_i64 (i64.popcnt (local.get $delimiters)))))
        (local.set $at (i32.add (local.get $at) (i32.const 64)))
        (br $block)))
    (call $scanBytes (local.get $at) (local.get $end)))

  ;; The last record may lack its line end.
  (func (export "finish")
    (if (i64.eqz (global.get $ended)) (then (call $endRecord (i32.const 0))))))
