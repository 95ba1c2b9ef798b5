#pragma once

namespace build_runtime {

[[noreturn]] void missing_feature(const char* feature);
[[noreturn]] void missing_operator(const char* name, const char* release);

} // namespace build_runtime
