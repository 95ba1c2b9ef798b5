/* The C interface of a runtime made of mini_torch: as much of it as the tool's own checks use. */
#ifndef BUILD_RUNTIME_H
#define BUILD_RUNTIME_H

#include <stddef.h>

#if defined(BUILD_RUNTIME_IMPLEMENTATION)
#define BR_API __attribute__((visibility("default")))
#else
#define BR_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct br_module br_module;

/* The operators that are registered, some with their schema; NULL when `index` is out of range. */
BR_API const char* br_operator_name(size_t index);
BR_API const char* br_manifest_json(void);

/* Return NULL after a failure, which br_error then tells. */
BR_API br_module* br_module_load(const void* data, size_t size);
BR_API const char* br_module_method(const br_module* module);
/* Run a value file with a list of cases; the caller frees the value file with the list of results.
 */
BR_API void* br_module_run(const br_module* module, const void* inputs, size_t size,
                           size_t* result_size);
BR_API void br_module_free(br_module* module);
BR_API const char* br_error(void);

#ifdef __cplusplus
}
#endif

#endif
