/* A kernel: code, a table that needs relocations, zeroed memory, and a literal shared with api.c. */
static int totals[1024];
static int add(int left, int right) { return left + right; }
static int subtract(int left, int right) { return left - right; }
static int (*const kernels[])(int, int) = {add, subtract};
const char* kernel_name(void) { return "a literal that both files have"; }
int kernel_call(int index, int left, int right) {
  totals[index & 1023] += 1;
  return kernels[index & 1](left, right) + totals[index & 1023];
}
