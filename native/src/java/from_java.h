/* Values of Java as values of the runtime. */
#ifndef BUILD_RUNTIME_JAVA_FROM_JAVA_H
#define BUILD_RUNTIME_JAVA_FROM_JAVA_H

#include "names.h"

/* Values that were made together, and are freed together. */
struct values {
  br_value** items;
  size_t count;
};

void free_values(struct values* values);

/* An array of IValue; 0 with an exception pending, and nothing to free. */
int values_from_java(JNIEnv* env, jobjectArray array, int depth, struct values* values);
/* A tensor. Java's memory is shared, and kept until nothing in the runtime refers to it. */
int tensor_from_java(JNIEnv* env, jobject tensor, br_value** value);

#endif
