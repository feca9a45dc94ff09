//! SSE2, which every x86-64 has, AVX2 with FMA, and AVX-512.

use super::implement;
use std::arch::x86_64::{
    __m128, __m256, __m512, _mm_add_ps, _mm_loadu_ps, _mm_max_ps, _mm_min_ps, _mm_mul_ps, _mm_set1_ps,
    _mm_storeu_ps, _mm256_add_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_max_ps, _mm256_min_ps,
    _mm256_mul_ps, _mm256_set1_ps, _mm256_storeu_ps, _mm512_add_ps, _mm512_castps512_ps256, _mm512_fmadd_ps,
    _mm512_loadu_ps, _mm512_max_ps, _mm512_min_ps, _mm512_mul_ps, _mm512_set1_ps, _mm512_storeu_ps,
};

/// SSE2.
pub(crate) struct Sse2;

/// AVX2 with FMA.
pub(crate) struct Avx2;

/// AVX-512's foundation, with AVX2 for what is left of a row.
pub(crate) struct Avx512;

implement!(
    Sse2,
    __m128,
    4,
    _mm_set1_ps,
    _mm_loadu_ps,
    _mm_storeu_ps,
    _mm_add_ps,
    _mm_mul_ps,
    _mm_min_ps,
    _mm_max_ps,
    false: |a, b, c| _mm_add_ps(_mm_mul_ps(a, b), c),
    Self: |whole| whole
);

implement!(
    Avx2,
    __m256,
    8,
    _mm256_set1_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_add_ps,
    _mm256_mul_ps,
    _mm256_min_ps,
    _mm256_max_ps,
    true: |a, b, c| _mm256_fmadd_ps(a, b, c),
    Self: |whole| whole
);

implement!(
    Avx512,
    __m512,
    16,
    _mm512_set1_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_add_ps,
    _mm512_mul_ps,
    _mm512_min_ps,
    _mm512_max_ps,
    true: |a, b, c| _mm512_fmadd_ps(a, b, c),
    Avx2: |whole| _mm512_castps512_ps256(whole)
);
