;; A valid policy. Tests replace the placeholder in `review` and add functions and data. Memory initially contains the
;; answers: at 64 the description, at 128 an empty success, at 256 the outcome `decided` that allows, at 260 its verdict.
(module
  (memory (export "memory") 64)
  (data (i32.const 16) "hostile1.0.0{}")
  (data (i32.const 64) "\10\00\00\00\07\00\00\00\17\00\00\00\05\00\00\00\00\00\00\00\00\00\00\00\1c\00\00\00\02\00\00\00")
  (data (i32.const 260) "\01")
  (global $next (mut i32) (i32.const 65536))
  (func (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
    global.get $next
    (global.set $next
      (i32.and
        (i32.add (i32.add (global.get $next) (local.get $size)) (i32.const 7))
        (i32.const -8))))
  (func (export "ordinance:policy/rules@0.1.0#describe") (result i32)
    i32.const 64)
  (func (export "ordinance:policy/rules@0.1.0#check-settings") (param i32 i32) (result i32)
    i32.const 128)
  (func (export "ordinance:policy/rules@0.1.0#keys")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    i32.const 128)
  (func (export "ordinance:policy/rules@0.1.0#review") (param i32) (result i32)
    (;REVIEW;)
    i32.const 256)
  (func (export "ordinance:policy/rules@0.1.0#resume") (param i32 i32) (result i32)
    i32.const 260)
  (;MORE;)
)
