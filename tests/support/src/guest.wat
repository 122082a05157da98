;; A valid policy. Tests replace the placeholder in `review` and add functions and data. Memory initially contains the
;; answers, in the layout of the canonical ABI:
;;   64   the description, with one review scope and one rule
;;   128  the empty result of `check-settings` and `keys`
;;   256  the outcome `decided`; at 260 its verdict: findings 260, patch 268, migration 280, audit 288
;;   512  the rule `a-rule`
;;   768  a finding of it that denies, 52 bytes: rule 768, severity 776, field 780, fact 788, remedy 796
;;   864  the review scope: CREATE of `v1` `things`; at 936 its operation, at 940 its two phases
;;   1024 nothing from here on
(module
  (memory (export "memory") 64)
  (data (i32.const 16) "hostile1.0.0{}a-rule")
  (data (i32.const 64) "\10\00\00\00\07\00\00\00\17\00\00\00\05\00\00\00\00\00\00\00\00\00\00\00\60\03\00\00\01\00\00\00\00\02\00\00\01\00\00\00\1c\00\00\00\02\00\00\00")
  (data (i32.const 512) "\1e\00\00\00\06\00\00\00\1e\00\00\00\06\00\00\00")
  (data (i32.const 768) "\1e\00\00\00\06\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\1e\00\00\00\06\00\00\00")
  (data (i32.const 864) "\b2\03\00\00\06\00\00\00\00\00\00\00\00\00\00\00\b0\03\00\00\02\00\00\00\b2\03\00\00\06\00\00\00\00\00\00\00\00\00\00\00\01\00\00\00\a8\03\00\00\01\00\00\00\ac\03\00\00\02\00\00\00\01\00\00\00\00\00\00\00\00\00\00\00")
  (data (i32.const 940) "\00\01\00\00v1things")
  (global $next (mut i32) (i32.const 65536))
  (func (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
    global.get $next
    (global.set $next
      (i32.and
        (i32.add (i32.add (global.get $next) (local.get $size)) (i32.const 7))
        (i32.const -8))))
  (func (export "ordinance:policy/rules@0.3.0#describe") (result i32)
    i32.const 64)
  (func (export "ordinance:policy/rules@0.3.0#check-settings") (param i32 i32) (result i32)
    i32.const 128)
  (func (export "ordinance:policy/rules@0.3.0#keys")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    i32.const 128)
  (func (export "ordinance:policy/rules@0.3.0#review") (param i32) (result i32)
    (;REVIEW;)
    i32.const 256)
  (func (export "ordinance:policy/rules@0.3.0#resume") (param i32 i32) (result i32)
    i32.const 260)
  (;MORE;)
)
