// Native methods of com.example.vision.Classifier: a model that takes an image and answers with
// scores.
#include <build_runtime.h>
#include <jni.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct Free {
  void operator()(br_module* module) const { br_module_free(module); }
  void operator()(br_value* value) const { br_value_free(value); }
};
using Module = std::unique_ptr<br_module, Free>;
using Value = std::unique_ptr<br_value, Free>;

// Turns an error of the runtime into a C++ exception, which a native method turns into one of Java.
class Check {
 public:
  Check() = default;
  Check(const Check&) = delete;
  Check& operator=(const Check&) = delete;
  ~Check() { br_error_free(error_); }
  br_error** error() { return &error_; }
  void operator()(br_status status) const {
    if (status != BR_OK) {
      throw std::runtime_error(br_error_message(error_));
    }
  }

 private:
  br_error* error_ = nullptr;
};

// No C++ exception may pass through Java: it becomes one that Java knows. A pending one stays.
template <typename Work>
auto guarded(JNIEnv* env, Work work) -> decltype(work()) {
  try {
    return work();
  } catch (const std::exception& exception) {
    if (!env->ExceptionCheck()) {
      env->ThrowNew(env->FindClass("java/lang/IllegalStateException"), exception.what());
    }
    return decltype(work())();
  }
}

std::string text_of(JNIEnv* env, jstring text) {
  const char* bytes = text == nullptr ? nullptr : env->GetStringUTFChars(text, nullptr);
  if (bytes == nullptr) {
    throw std::runtime_error("no path");
  }
  std::string copy(bytes);
  env->ReleaseStringUTFChars(text, bytes);
  return copy;
}

std::vector<int64_t> shape_of(JNIEnv* env, jlongArray shape) {
  std::vector<int64_t> sizes(static_cast<size_t>(env->GetArrayLength(shape)));
  env->GetLongArrayRegion(shape, 0, static_cast<jsize>(sizes.size()),
                          reinterpret_cast<jlong*>(sizes.data()));
  return sizes;
}

Value tensor_of(JNIEnv* env, jfloatArray numbers, const std::vector<int64_t>& shape) {
  std::vector<float> copy(static_cast<size_t>(env->GetArrayLength(numbers)));
  env->GetFloatArrayRegion(numbers, 0, static_cast<jsize>(copy.size()), copy.data());
  br_value* value = nullptr;
  Check check;
  check(br_value_tensor_copy(BR_FLOAT32, shape.size(), shape.data(), copy.data(),
                             copy.size() * sizeof(float), &value, check.error()));
  return Value(value);
}

jfloatArray floats_of(JNIEnv* env, const br_value* value) {
  br_tensor tensor;
  Check check;
  check(br_value_tensor(value, &tensor, check.error()));
  if (tensor.dtype != BR_FLOAT32) {
    throw std::runtime_error("the model does not answer with float32");
  }
  std::vector<float> copy(tensor.element_count);
  check(br_value_tensor_read(value, copy.data(), copy.size() * sizeof(float), check.error()));
  jfloatArray scores = env->NewFloatArray(static_cast<jsize>(copy.size()));
  if (scores != nullptr) {
    env->SetFloatArrayRegion(scores, 0, static_cast<jsize>(copy.size()), copy.data());
  }
  return scores;
}

} // namespace

extern "C" {

JNIEXPORT jlong JNICALL Java_com_example_vision_Classifier_load(JNIEnv* env, jclass, jstring path) {
  return guarded(env, [&] {
    br_module* module = nullptr;
    Check check;
    check(br_module_load_file(text_of(env, path).c_str(), &module, check.error()));
    return static_cast<jlong>(reinterpret_cast<intptr_t>(module));
  });
}

JNIEXPORT jfloatArray JNICALL Java_com_example_vision_Classifier_run(JNIEnv* env, jclass,
                                                                     jlong module,
                                                                     jfloatArray pixels,
                                                                     jlongArray shape) {
  return guarded(env, [&] {
    const Value input = tensor_of(env, pixels, shape_of(env, shape));
    const br_value* arguments[] = {input.get()};
    br_value* output = nullptr;
    Check check;
    check(br_module_run(reinterpret_cast<br_module*>(static_cast<intptr_t>(module)), "forward",
                        arguments, 1, &output, check.error()));
    return floats_of(env, Value(output).get());
  });
}

JNIEXPORT void JNICALL Java_com_example_vision_Classifier_free(JNIEnv*, jclass, jlong module) {
  br_module_free(reinterpret_cast<br_module*>(static_cast<intptr_t>(module)));
}

} // extern "C"
