"""Pointwise operators: one element of the answer for each element of the inputs."""

import torch
from torch import Tensor, nn

from tests.coverage.values import (
    COMPLEX,
    FLOATS,
    HALVES,
    INTEGERS,
    Coverage,
    each,
    integers,
    numbers,
    positive,
    unit,
)


class Arithmetic(nn.Module):
    def forward(self, a: Tensor, b: Tensor) -> list[Tensor]:
        return [
            a + b, a - b, a * b, a / b, a + 2, a - 2, a * 2, a / 2, 2 - a, 2 / b,
            torch.add(a, b, alpha=2), torch.sub(a, b, alpha=2), torch.rsub(a, b),
            torch.true_divide(a, b), torch.div(a, b, rounding_mode="floor"),
            torch.div(a, b, rounding_mode="trunc"), a // b, torch.floor_divide(a, 2),
            torch.fmod(a, b), torch.fmod(a, 2), torch.remainder(a, b), torch.remainder(a, 2), a % 2,
            -a, a.abs(), a.sign(), a.square(), torch.maximum(a, b), torch.minimum(a, b),
            torch.fmax(a, b), torch.fmin(a, b), torch.max(a, b), torch.min(a, b),
            torch.clamp(a, -1, 1), torch.clamp(a, max=1), torch.clamp_min(a, 0), torch.clip(a, 0, 1),
            torch.pow(b, 2), torch.pow(b, 3), torch.hypot(a * 1.0, b * 1.0), torch.positive(a),
            torch.addcmul(a, a, b, value=2), torch.where(a > b, a, b), torch.nan_to_num(a),
            torch.sgn(a), torch.clamp(a, b - 1, b + 1),
        ]  # fmt: skip


class Transcendental(nn.Module):
    def forward(self, x: Tensor, p: Tensor, u: Tensor) -> list[Tensor]:
        return [
            x.exp(), x.exp2(), x.expm1(), p.log(), p.log2(), p.log10(), p.log1p(), p.sqrt(), p.rsqrt(),
            p.reciprocal(), x.sin(), x.cos(), x.tan(), u.asin(), u.acos(), x.atan(), x.sinh(), x.cosh(),
            x.tanh(), x.asinh(), (p + 1).acosh(), u.atanh(), torch.atan2(x, p), x.sigmoid(), x.sinc(),
            x.floor(), x.ceil(), x.round(), x.trunc(), x.frac(), torch.round(x, decimals=1),
            torch.pow(p, x), torch.pow(2.0, x), torch.pow(p, 0.5), torch.float_power(p, 2),
            torch.logaddexp(x, p), torch.logaddexp2(x, p), torch.lerp(x, p, 0.3), torch.lerp(x, p, u),
            torch.addcdiv(x, x, p, value=0.5), torch.copysign(x, u), torch.ldexp(x, torch.ones_like(x)),
            torch.rad2deg(x), torch.deg2rad(x), torch.logit(p / 4), torch.heaviside(x, p),
            torch.xlogy(x, p), torch.special.xlog1py(x, p), torch.nextafter(x, p).isfinite().to(x.dtype),
        ]  # fmt: skip


class Special(nn.Module):
    def forward(self, x: Tensor, p: Tensor, u: Tensor) -> list[Tensor]:
        return [
            x.erf(), x.erfc(), u.erfinv(), p.lgamma(), p.digamma(), torch.polygamma(1, p),
            torch.mvlgamma(p + 2, 2), torch.i0(x), torch.special.i0e(x), torch.special.i1(x),
            torch.special.i1e(x), torch.special.erfcx(p), torch.special.ndtr(x),
            torch.special.ndtri(p / 4), torch.special.log_ndtr(x), torch.special.entr(p),
            torch.special.zeta(p + 1, p), torch.special.bessel_j0(x), torch.special.bessel_j1(x),
            torch.special.bessel_y0(p), torch.special.gammainc(p, p), torch.special.gammaincc(p, p),
            torch.special.expit(x), torch.special.psi(p), torch.special.gammaln(p),
            torch.special.modified_bessel_i0(x), torch.special.spherical_bessel_j0(x),
            torch.special.chebyshev_polynomial_t(u, 3), torch.special.hermite_polynomial_h(u, 2),
            torch.igamma(p, p), torch.igammac(p, p),
        ]  # fmt: skip


class Integral(nn.Module):
    def forward(self, a: Tensor, b: Tensor) -> list[Tensor]:
        return [
            a & b, a | b, a ^ b, ~a, a & 3, a | 1, a ^ 1, torch.bitwise_left_shift(a, b % 4),
            torch.bitwise_right_shift(a, b % 4), a << 1, a >> 1, torch.gcd(a, b), torch.lcm(a, b),
            a // (b + 1), a % (b + 1), torch.pow(a % 3, 2),
        ]  # fmt: skip


class Comparison(nn.Module):
    def forward(self, a: Tensor, b: Tensor) -> tuple[list[Tensor], list[bool]]:
        tensors = [
            a == b, a != b, a < b, a <= b, a > b, a >= b, a == 1, a != 1, a < 1, a <= 1, a > 1, a >= 1,
            torch.logical_and(a, b), torch.logical_or(a, b), torch.logical_xor(a, b),
            torch.logical_not(a), torch.isclose(a, b), torch.isfinite(a), torch.isinf(a),
            torch.isnan(a), torch.isin(a, b), torch.isreal(a), torch.signbit(a), torch.isposinf(a),
            torch.isneginf(a), (a > 0).any(), (a > 0).all(), (a > 0).any(0), (a > 0).all(1),
        ]  # fmt: skip
        flags = [torch.equal(a, b), torch.allclose(a, a), bool((a == a).all()), a.is_floating_point(),
                 a.is_signed(), a.is_complex(), torch.is_nonzero(a.sum() * 0)]  # fmt: skip
        return tensors, flags


class Extremes(nn.Module):
    """Numbers that are no numbers, infinite, or zero of either sign."""

    def forward(self, x: Tensor) -> list[Tensor]:
        return [
            torch.nan_to_num(x), torch.nan_to_num(x, 1.0, 2.0, -2.0), x.isnan(), x.isinf(), x.isfinite(),
            x.isposinf(), x.isneginf(), x.signbit(), x.exp(), x.sqrt(), x.log(), x.atan(), x.tanh(),
            x.sign(), x + 1, x * 0, 1 / x, torch.maximum(x, x * 0), torch.fmax(x, x * 0), x.nansum(),
            x == x, x.clamp(-1, 1), torch.copysign(torch.ones_like(x), x),
        ]  # fmt: skip


class InPlace(nn.Module):
    def forward(self, x: Tensor, p: Tensor) -> list[Tensor]:
        out: list[Tensor] = []
        y = x.clone()
        y.add_(p).mul_(2).sub_(1).div_(p).neg_().abs_().clamp_(0, 3).sqrt_()
        out.append(y)
        z = x.clone()
        z += 1
        z *= p
        z -= 0.5
        z /= 2
        out.append(z)
        w = x.clone()
        w.zero_().fill_(2.5).sigmoid_().tanh_().relu_().exp_().log_().floor_().ceil_()
        out.append(w)
        v = x.clone()
        v.masked_fill_(x > 0, 0.0).copy_(v + p).pow_(2).round_().trunc_().addcmul_(p, p).addcdiv_(
            x, p
        )
        out.append(v)
        into = torch.empty_like(x)
        torch.add(x, p, out=into)
        out.append(into.clone())
        torch.mul(x, p, out=into)
        out.append(into)
        return out


class Conjugates(nn.Module):
    """A conjugate is a view with a mark; whoever computes with it has to see the mark."""

    def forward(self, z: Tensor, w: Tensor) -> list[Tensor]:
        return [
            torch.view_as_real(z.conj() * w), torch.view_as_real((z.conj() + w).conj() * w),
            torch.view_as_real(torch.matmul(z, w.mH)), z.conj().imag * 2.0, z.conj().real + w.conj().imag,
            torch.view_as_real(torch.conj_physical(z)), torch.view_as_real(z.conj().clone()), z.conj().abs(),
        ]  # fmt: skip


SUITE = (
    Coverage(
        "pointwise_arithmetic", Arithmetic,
        lambda: each(
            (*FLOATS, *INTEGERS, *HALVES),
            lambda it: (numbers(3, 5, dtype=it, low=-9, high=9), numbers(5, dtype=it, low=1, high=5)),
        ),
    ),
    Coverage(
        "pointwise_transcendental", Transcendental,
        lambda: each(
            (*FLOATS, *HALVES),
            lambda it: (numbers(4, 9, dtype=it), positive(4, 9, dtype=it), unit(4, 9, dtype=it)),
        ),
    ),
    Coverage(
        "pointwise_special", Special,
        lambda: each(FLOATS, lambda it: (numbers(20, dtype=it), positive(20, dtype=it), unit(20, dtype=it))),
    ),
    Coverage(
        "pointwise_integral", Integral,
        lambda: each(INTEGERS, lambda it: (integers(6, 4, below=50, dtype=it), integers(4, below=30, dtype=it))),
    ),
    Coverage(
        "pointwise_comparison", Comparison,
        lambda: each(
            (*FLOATS, *INTEGERS, *HALVES),
            lambda it: (integers(4, 6, below=4, dtype=it), integers(4, 6, below=3, dtype=it)),
        ),
    ),
    Coverage(
        "pointwise_extremes", Extremes,
        lambda: each(
            (*FLOATS, *HALVES),
            lambda it: (torch.tensor([0.0, -0.0, 1.0, -1.0, float("nan"), float("inf"), -float("inf")], dtype=it),),
        ),
    ),
    Coverage(
        "pointwise_in_place", InPlace,
        lambda: each((*FLOATS, *HALVES), lambda it: (numbers(3, 4, dtype=it), positive(3, 4, dtype=it))),
    ),
    Coverage(
        "pointwise_conjugates", Conjugates,
        lambda: each(COMPLEX, lambda it: (numbers(3, 4, dtype=it), positive(3, 4, dtype=it))),
    ),
)  # fmt: skip
