/* The interface: two exported functions, one constructor. */
const char* kernel_name(void);
int kernel_call(int index, int left, int right);
static int started = 7;
__attribute__((constructor)) static void start(void) { started = kernel_call(0, 1, 2); }
const char* br_name(void) { return started ? kernel_name() : "a literal that both files have"; }
int br_call(int index) { return kernel_call(index, started, 2); }
