/* build_runtime.h: the C interface of a runtime made by build-runtime.
 *
 * The runtime executes TorchScript lite-interpreter models (`.ptl`). It holds only the operators
 * of the models it was built for. Nothing of C++ crosses this interface: it can be used from any
 * compiler, any C++ standard library, and any language with a C foreign-function interface.
 *
 *     br_module* module = NULL;
 *     br_value *input = NULL, *output = NULL;
 *     br_tensor view;
 *     br_error* error = NULL;
 *     const int64_t shape[] = {1, 3, 224, 224};
 *
 *     if (br_module_load_file("model.ptl", &module, &error) ||
 *         br_value_tensor_borrow(BR_FLOAT32, 4, shape, NULL, pixels, NULL, NULL, &input, &error) ||
 *         br_module_run(module, "forward", (const br_value* const*)&input, 1, &output, &error) ||
 *         br_value_tensor(output, &view, &error)) {
 *       fprintf(stderr, "%s\n", br_error_message(error));
 *     }
 *     br_value_free(output); br_value_free(input); br_module_free(module); br_error_free(error);
 *
 * Status and errors
 *   Every call that can fail returns a br_status. It never throws and never ends the process.
 *   `error` may be NULL; otherwise, on failure, *error is set to a new object that the caller
 *   frees. On success *error is not touched. On failure the other out-parameters are not touched.
 *   An earlier error in *error is not freed: pass a NULL-initialised pointer.
 *
 * Ownership
 *   Every pointer received through a `**` out-parameter is owned by the caller, who frees it with
 *   br_module_free, br_value_free or br_error_free. Freeing NULL does nothing. Objects may be freed
 *   in any order: values keep what they refer to alive, also after their module is gone. Values
 *   are handles on shared content: putting a value in a container, or passing it to a run, leaves
 *   the caller's handle valid, and it still has to be freed.
 *   `const char*`, shape, stride and data pointers read from an object live as long as the object.
 *
 * Threads
 *   Any function may be called by several threads at the same time, also for one module. Runs of a
 *   method that only reads its module go on beside each other. A method that may write what
 *   outlives its call (an attribute, a buffer in place) has the module for itself: other runs wait
 *   until it ends. Which it is is read off its bytecode when the model is loaded; in doubt it
 *   waits. What a run hands out, and what is handed to it, is not locked: a model that returns a
 *   buffer which it goes on to write or resize should return a copy. Lists, tuples and dicts of a
 *   result are copies already.
 *   Nothing may overlap br_module_free or br_module_on_warning of the same module, and no run may
 *   overlap br_set_thread_count.
 *   One run spreads its work over a pool of threads, which the whole process shares; threads that
 *   have nothing to do sleep. At first there is one for each big core that the process may use: on
 *   processors with big and little cores those that save energy take no part, as every operator
 *   would wait for them. With as many threads of the app's own, br_set_thread_count(1) is best.
 *   An error belongs to the thread that received it.
 *
 * Trust
 *   Loading refuses a damaged or forged file with an error. A model is a program, and loading may
 *   run its __setstate__: it can take any time and memory, and operators may not stand arguments
 *   made to harm them, so models from an untrusted source must not be run. Of the checksums, those
 *   of the model's structure are checked; those of the weights are not.
 */
#ifndef BUILD_RUNTIME_H
#define BUILD_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#if defined(BUILD_RUNTIME_IMPLEMENTATION) && defined(__GNUC__)
#define BR_API __attribute__((visibility("default")))
#else
#define BR_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Version of this interface. It grows when functions are added; nothing is ever removed or changed
 * within the symbol version BUILD_RUNTIME_1. Compare with br_api_version(), the library's own. */
#define BR_API_VERSION 1

typedef struct br_module br_module;
typedef struct br_value br_value;
typedef struct br_error br_error;

typedef enum br_status {
  BR_OK = 0,
  BR_INVALID_ARGUMENT = 1,  /* a NULL, an impossible shape, an argument the method does not take */
  BR_IO = 2,                /* the file cannot be read */
  BR_BAD_MODEL = 3,         /* not a lite-interpreter model, or damaged, or of an unknown version */
  BR_MISSING_OPERATORS = 4, /* it needs operators, instructions or classes that are not here */
  BR_NOT_FOUND = 5,         /* no such method, key, field or item */
  BR_WRONG_KIND = 6,        /* a value was read as something it is not */
  BR_RUN_FAILED = 7,        /* an operator refused its inputs (shape, dtype not in this runtime) */
  BR_MODEL_RAISED = 8,      /* the model itself raised: `raise ValueError("...")` in its source */
  BR_OUT_OF_MEMORY = 9,
  BR_INTERNAL = 10
} br_status;

typedef enum br_kind {
  BR_KIND_NONE = 0,
  BR_KIND_BOOL = 1,
  BR_KIND_INT = 2,
  BR_KIND_DOUBLE = 3,
  BR_KIND_STRING = 4,
  BR_KIND_TENSOR = 5,
  BR_KIND_LIST = 6,
  BR_KIND_TUPLE = 7,  /* named tuples too: br_value_entries gives the field names */
  BR_KIND_DICT = 8,   /* in order of insertion */
  BR_KIND_OBJECT = 9, /* an instance of a class: its attributes are entries */
  BR_KIND_OTHER = 10, /* an enum, a generator: can be passed on, not looked into */
  BR_KIND_COMPLEX = 11,
  BR_KIND_DEVICE = 12 /* a dtype or a layout is an int, as in TorchScript */
} br_kind;

/* The numbers are those of at::ScalarType. Operators work on the dtypes the runtime was built
 * for; tensors of the others can be made and read, an operator that gets one returns an error. */
typedef enum br_dtype {
  BR_UINT8 = 0,
  BR_INT8 = 1,
  BR_INT16 = 2,
  BR_INT32 = 3,
  BR_INT64 = 4,
  BR_FLOAT16 = 5,
  BR_FLOAT32 = 6,
  BR_FLOAT64 = 7,
  BR_COMPLEX32 = 8,
  BR_COMPLEX64 = 9,
  BR_COMPLEX128 = 10,
  BR_BOOL = 11,
  BR_QINT8 = 12, /* quantized dtypes appear in outputs only, as their stored integers */
  BR_QUINT8 = 13,
  BR_QINT32 = 14,
  BR_BFLOAT16 = 15
} br_dtype;

/* A look at a tensor's memory. Strides count elements, not bytes, and need not be row-major. Counts
 * and sizes multiply without overflow: a tensor of more bytes than memory can hold is
 * BR_OUT_OF_MEMORY. */
typedef struct br_tensor {
  br_dtype dtype;
  size_t rank;
  const int64_t* shape;
  const int64_t* strides;
  const void* data; /* may be NULL when element_count is 0 */
  size_t element_count;
  size_t element_size; /* bytes */
} br_tensor;

/* ---- About the library ---- */

BR_API uint32_t br_api_version(void);
/* The version of PyTorch whose sources the library is made of, such as "2.6.0". */
BR_API const char* br_torch_version(void);
/* The build manifest, a JSON text: sources, toolchain, flags, models, operators. */
BR_API const char* br_manifest_json(void);
/* The operators that are really registered, sorted, as `aten::add.Tensor`. The first call lists
 * them; names live as long as the library. NULL when `index` is out of range. */
BR_API size_t br_operator_count(void);
BR_API const char* br_operator_name(size_t index);
/* Threads one run may use, the calling one included; 1 to 256. Holds for the whole process, at
 * once. At first as many as there are big cores; see Threads above. */
BR_API br_status br_set_thread_count(int count, br_error** error);
BR_API br_status br_thread_count(int* count, br_error** error);

/* ---- Errors ---- */

BR_API br_status br_error_status(const br_error* error);
/* The text: one sentence, or for BR_MODEL_RAISED exactly what the model raised. Never NULL. */
BR_API const char* br_error_message(const br_error* error);
/* For BR_MODEL_RAISED the qualified Python class, such as "builtins.ValueError"; "" elsewhere, and
 * for models whose exporter did not record it. */
BR_API const char* br_error_python_class(const br_error* error);
BR_API void br_error_free(br_error* error);

/* ---- Modules ---- */

/* Load a zip `.ptl`. All that the runtime lacks is reported in one BR_MISSING_OPERATORS: operators
 * (and numbers of arguments they do not take), instructions, and classes. */
BR_API br_status br_module_load_file(const char* path, br_module** module, br_error** error);
/* The same from memory. `data` is only read during the call. */
BR_API br_status br_module_load_memory(const void* data, size_t size, br_module** module,
                                       br_error** error);
BR_API void br_module_free(br_module* module);
/* The methods the model exports ("forward" and others). NULL when `index` is out of range. */
BR_API size_t br_module_method_count(const br_module* module);
BR_API const char* br_module_method_name(const br_module* module, size_t index);
/* The files that were saved beside the model (`_extra_files` of torch.jit.save), sorted by name.
 * NULL when `index` is out of range. */
BR_API size_t br_module_extra_file_count(const br_module* module);
BR_API const char* br_module_extra_file_name(const br_module* module, size_t index);
/* The content of one: `size` bytes, which live as long as the module. */
BR_API br_status br_module_extra_file(const br_module* module, const char* name, const void** data,
                                      size_t* size, br_error** error);
/* Have the text of the model's `warnings.warn` handed to `handler`, while a method runs, on the
 * thread that runs it; NULL: printed to stderr, as at first. The handler must return, and must not
 * use the module. */
BR_API br_status br_module_on_warning(br_module* module,
                                      void (*handler)(void* context, const char* text),
                                      void* context, br_error** error);
/* Run a method. Arguments are positional; those at the end that have defaults may be left out.
 * Lists and dicts are copied, so that the model cannot change the caller's; tensors are shared,
 * and a model that writes into its argument writes into the caller's buffer. An int is accepted
 * where the method takes a float. A method that returns nothing gives BR_KIND_NONE. */
BR_API br_status br_module_run(br_module* module, const char* method,
                               const br_value* const* arguments, size_t argument_count,
                               br_value** result, br_error** error);

/* ---- Making values ---- */

BR_API br_status br_value_new_none(br_value** value, br_error** error);
BR_API br_status br_value_new_bool(int flag, br_value** value, br_error** error);
BR_API br_status br_value_new_int(int64_t number, br_value** value, br_error** error);
BR_API br_status br_value_new_double(double number, br_value** value, br_error** error);
BR_API br_status br_value_new_complex(double real, double imaginary, br_value** value,
                                      br_error** error);
/* `size` bytes of UTF-8, copied; zero bytes inside are kept. */
BR_API br_status br_value_new_string(const char* text, size_t size, br_value** value,
                                     br_error** error);
/* A tensor with its own copy of `size` bytes of row-major data; `size` must fit the shape. */
BR_API br_status br_value_tensor_copy(br_dtype dtype, size_t rank, const int64_t* shape,
                                      const void* data, size_t size, br_value** value,
                                      br_error** error);
/* A tensor over the caller's memory, which must outlive every use of it. `strides` count elements;
 * NULL means row-major. `data` should be aligned for its dtype (64 bytes is fastest). `release`,
 * if given, is called with `context` once nothing refers to the memory any more, on whichever
 * thread drops it last; it is not called when this function fails. */
BR_API br_status br_value_tensor_borrow(br_dtype dtype, size_t rank, const int64_t* shape,
                                        const int64_t* strides, void* data,
                                        void (*release)(void* context), void* context,
                                        br_value** value, br_error** error);
BR_API br_status br_value_new_list(const br_value* const* items, size_t count, br_value** value,
                                   br_error** error);
BR_API br_status br_value_new_tuple(const br_value* const* items, size_t count, br_value** value,
                                    br_error** error);
/* Keys: string, int, double, bool, tensor, or a tuple of these. A later equal key replaces. */
BR_API br_status br_value_new_dict(const br_value* const* keys, const br_value* const* items,
                                   size_t count, br_value** value, br_error** error);
BR_API void br_value_free(br_value* value);

/* ---- Reading values ---- */

BR_API br_kind br_value_kind(const br_value* value);
BR_API br_status br_value_bool(const br_value* value, int* flag, br_error** error);
BR_API br_status br_value_int(const br_value* value, int64_t* number, br_error** error);
BR_API br_status br_value_double(const br_value* value, double* number, br_error** error);
BR_API br_status br_value_complex(const br_value* value, double* real, double* imaginary,
                                  br_error** error);
/* The name of a device, such as "cpu", as a string. */
BR_API br_status br_value_device(const br_value* value, br_value** name, br_error** error);
/* `*text` is zero-terminated and has `*size` bytes before the terminator. */
BR_API br_status br_value_string(const br_value* value, const char** text, size_t* size,
                                 br_error** error);
BR_API br_status br_value_tensor(const br_value* value, br_tensor* tensor, br_error** error);
/* What the stored integers of a quantized tensor stand for, as a tuple: (scale, zero point), or
 * where these differ along a dimension (scales, zero points, dimension), with two tensors of one
 * dimension. BR_WRONG_KIND for other tensors. */
BR_API br_status br_value_quantization(const br_value* value, br_value** parameters,
                                       br_error** error);
/* Copy the elements to `buffer` in row-major order; `size` (bytes) must fit exactly. */
BR_API br_status br_value_tensor_read(const br_value* value, void* buffer, size_t size,
                                      br_error** error);
/* Entries of a list, tuple, dict or object; 0 for other kinds. */
BR_API size_t br_value_size(const br_value* value);
/* Item of a list or tuple. */
BR_API br_status br_value_item(const br_value* value, size_t index, br_value** item,
                               br_error** error);
/* The item of a dict under a key, or of a named tuple or object under a string: its field name. */
BR_API br_status br_value_find(const br_value* value, const br_value* key, br_value** item,
                               br_error** error);
/* All entries at once, for any container: fills `items`, and `keys` unless it is NULL, with
 * br_value_size(value) new handles each. Keys are the dict's, or the names of fields and
 * attributes; for a list or a plain tuple they are ints counting from 0. All or nothing. */
BR_API br_status br_value_entries(const br_value* value, br_value** keys, br_value** items,
                                  br_error** error);
/* Another handle on the same content. */
BR_API br_status br_value_share(const br_value* value, br_value** copy, br_error** error);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* BUILD_RUNTIME_H */
