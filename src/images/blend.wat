(module
  (memory (export "memory") 1)

  ;; One row between the passes: the weighted sum of `taps` rows of bytes that lie `length` apart.
  ;; Eight pixels at a time, in double precision; rounded to single precision after every fifth row.
  (func (export "blendRows")
    (param $row i32) (param $data i32) (param $length i32) (param $weights i32) (param $taps i32)
    (local $x i32) (local $at i32) (local $weight i32) (local $end i32) (local $group i32)
    (local $pixels v128) (local $w v128)
    (local $r0 v128) (local $r1 v128) (local $r2 v128) (local $r3 v128)
    (local $g0 v128) (local $g1 v128) (local $g2 v128) (local $g3 v128)
    (local.set $end (i32.add (local.get $weights) (i32.shl (local.get $taps) (i32.const 3))))
    (loop $columns
      (local.set $r0 (v128.const i64x2 0 0))
      (local.set $r1 (v128.const i64x2 0 0))
      (local.set $r2 (v128.const i64x2 0 0))
      (local.set $r3 (v128.const i64x2 0 0))
      (local.set $at (i32.add (local.get $data) (local.get $x)))
      (local.set $weight (local.get $weights))
      (loop $groups
        (local.set $g0 (v128.const i64x2 0 0))
        (local.set $g1 (v128.const i64x2 0 0))
        (local.set $g2 (v128.const i64x2 0 0))
        (local.set $g3 (v128.const i64x2 0 0))
        (local.set $group (i32.add (local.get $weight) (i32.const 40)))
        (if (i32.gt_u (local.get $group) (local.get $end)) (then (local.set $group (local.get $end))))
        (loop $rows
          (local.set $w (v128.load64_splat (local.get $weight)))
          (local.set $pixels (v128.load8x8_u (local.get $at)))
          (local.set $g0 (f64x2.add (local.get $g0) (f64x2.mul (local.get $w)
            (f64x2.convert_low_i32x4_u (i32x4.extend_low_i16x8_u (local.get $pixels))))))
          (local.set $g2 (f64x2.add (local.get $g2) (f64x2.mul (local.get $w)
            (f64x2.convert_low_i32x4_u (i32x4.extend_high_i16x8_u (local.get $pixels))))))
          (local.set $pixels (i8x16.shuffle 4 5 6 7 0 1 2 3 12 13 14 15 8 9 10 11
            (local.get $pixels) (local.get $pixels)))
          (local.set $g1 (f64x2.add (local.get $g1) (f64x2.mul (local.get $w)
            (f64x2.convert_low_i32x4_u (i32x4.extend_low_i16x8_u (local.get $pixels))))))
          (local.set $g3 (f64x2.add (local.get $g3) (f64x2.mul (local.get $w)
            (f64x2.convert_low_i32x4_u (i32x4.extend_high_i16x8_u (local.get $pixels))))))
          (local.set $at (i32.add (local.get $at) (local.get $length)))
          (br_if $rows (i32.lt_u
            (local.tee $weight (i32.add (local.get $weight) (i32.const 8))) (local.get $group))))
        (local.set $r0 (f64x2.promote_low_f32x4 (f32x4.demote_f64x2_zero (f64x2.add (local.get $r0) (local.get $g0)))))
        (local.set $r1 (f64x2.promote_low_f32x4 (f32x4.demote_f64x2_zero (f64x2.add (local.get $r1) (local.get $g1)))))
        (local.set $r2 (f64x2.promote_low_f32x4 (f32x4.demote_f64x2_zero (f64x2.add (local.get $r2) (local.get $g2)))))
        (local.set $r3 (f64x2.promote_low_f32x4 (f32x4.demote_f64x2_zero (f64x2.add (local.get $r3) (local.get $g3)))))
        (br_if $groups (i32.lt_u (local.get $weight) (local.get $end))))
      (v128.store64_lane 0 (local.get $row) (f32x4.demote_f64x2_zero (local.get $r0)))
      (v128.store64_lane offset=8 0 (local.get $row) (f32x4.demote_f64x2_zero (local.get $r1)))
      (v128.store64_lane offset=16 0 (local.get $row) (f32x4.demote_f64x2_zero (local.get $r2)))
      (v128.store64_lane offset=24 0 (local.get $row) (f32x4.demote_f64x2_zero (local.get $r3)))
      (local.set $row (i32.add (local.get $row) (i32.const 32)))
      (br_if $columns (i32.lt_u
        (local.tee $x (i32.add (local.get $x) (i32.const 8))) (local.get $length)))))

  ;; One row of a grey result: for each pixel the weighted sum of `taps` neighbours in the row.
  (func (export "blendGrey")
    (param $out i32) (param $row i32) (param $starts i32) (param $weights i32) (param $taps i32) (param $width i32)
    (local $from i32) (local $end i32) (local $sum f64) (local $last i32)
    (local.set $last (i32.add (local.get $out) (i32.shl (local.get $width) (i32.const 2))))
    (loop $columns
      (local.set $from (i32.add (local.get $row) (i32.shl (i32.load (local.get $starts)) (i32.const 2))))
      (local.set $end (i32.add (local.get $weights) (i32.shl (local.get $taps) (i32.const 3))))
      (local.set $sum (f64.const 0))
      (loop $pixels
        (local.set $sum (f64.add (local.get $sum)
          (f64.mul (f64.load (local.get $weights)) (f64.promote_f32 (f32.load (local.get $from))))))
        (local.set $from (i32.add (local.get $from) (i32.const 4)))
        (br_if $pixels (i32.lt_u
          (local.tee $weights (i32.add (local.get $weights) (i32.const 8))) (local.get $end))))
      (f32.store (local.get $out) (f32.demote_f64 (local.get $sum)))
      (local.set $starts (i32.add (local.get $starts) (i32.const 4)))
      (br_if $columns (i32.lt_u
        (local.tee $out (i32.add (local.get $out) (i32.const 4))) (local.get $last)))))

  ;; The same of three or four channels. Each pixel is stored as four numbers, of which the next overwrites the last.
  (func (export "blendColors")
    (param $out i32) (param $row i32) (param $starts i32) (param $weights i32) (param $taps i32) (param $width i32)
    (param $stride i32) ;; bytes of a pixel's floats: 12 or 16
    (local $from i32) (local $end i32) (local $last i32)
    (local $pixel v128) (local $w v128) (local $low v128) (local $high v128)
    (local.set $last (i32.add (local.get $out) (i32.mul (local.get $width) (local.get $stride))))
    (loop $columns
      (local.set $from (i32.add (local.get $row) (i32.mul (i32.load (local.get $starts)) (local.get $stride))))
      (local.set $end (i32.add (local.get $weights) (i32.shl (local.get $taps) (i32.const 3))))
      (local.set $low (v128.const i64x2 0 0))
      (local.set $high (v128.const i64x2 0 0))
      (loop $pixels
        (local.set $w (v128.load64_splat (local.get $weights)))
        (local.set $pixel (v128.load (local.get $from)))
        (local.set $low (f64x2.add (local.get $low)
          (f64x2.mul (local.get $w) (f64x2.promote_low_f32x4 (local.get $pixel)))))
        (local.set $high (f64x2.add (local.get $high)
          (f64x2.mul (local.get $w) (f64x2.promote_low_f32x4
            (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $pixel) (local.get $pixel))))))
        (local.set $from (i32.add (local.get $from) (local.get $stride)))
        (br_if $pixels (i32.lt_u
          (local.tee $weights (i32.add (local.get $weights) (i32.const 8))) (local.get $end))))
      (v128.store64_lane 0 (local.get $out) (f32x4.demote_f64x2_zero (local.get $low)))
      (v128.store64_lane offset=8 0 (local.get $out) (f32x4.demote_f64x2_zero (local.get $high)))
      (local.set $starts (i32.add (local.get $starts) (i32.const 4)))
      (br_if $columns (i32.lt_u
        (local.tee $out (i32.add (local.get $out) (local.get $stride))) (local.get $last))))))
