// The error of a call into a feature that was cut from this runtime.
#pragma once

namespace build_runtime {

[[noreturn]] void missing_feature(const char* feature);

} // namespace build_runtime
