// The errors of calls that lead nowhere: into a feature that was cut from this runtime, or to an
// operator that the release it is built from does not have.
#pragma once

namespace build_runtime {

[[noreturn]] void missing_feature(const char* feature);
[[noreturn]] void missing_operator(const char* name, const char* release);

} // namespace build_runtime
