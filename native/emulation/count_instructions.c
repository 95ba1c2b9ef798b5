/* A plugin of qemu's user emulation that counts the instructions a program executes.
 *
 * Built on the spot, for the machine that emulates. The few functions it calls of qemu are declared
 * here, so that no header of qemu is needed: version 1 of the interface, which every qemu from 4.2
 * to 9 takes (docs/devel/tcg-plugins.rst). The count goes to stderr when the program ends.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define EXPORTED __attribute__((visibility("default")))

typedef uint64_t plugin_id;
struct qemu_plugin_tb; /* instructions that are translated, and executed, together */

enum { ADD_U64 = 0 };

extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id,
                                                  void (*translated)(plugin_id,
                                                                     struct qemu_plugin_tb*));
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb* block);
extern void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb* block, int operation,
                                                     void* counter, uint64_t amount);
extern void qemu_plugin_register_atexit_cb(plugin_id id, void (*ended)(plugin_id, void*),
                                           void* context);

/* What qemu looks up by name. */
extern EXPORTED int qemu_plugin_version;
extern EXPORTED int qemu_plugin_install(plugin_id id, const void* info, int argc, char** argv);

int qemu_plugin_version = 1;

/* Several threads of a program would lose counts: it is for programs with one. */
static uint64_t executed;

static void count_block(plugin_id id, struct qemu_plugin_tb* block) {
  (void)id;
  qemu_plugin_register_vcpu_tb_exec_inline(block, ADD_U64, &executed,
                                           qemu_plugin_tb_n_insns(block));
}

static void tell(plugin_id id, void* context) {
  (void)id;
  (void)context;
  fprintf(stderr, "instructions: %llu\n", (unsigned long long)executed);
}

int qemu_plugin_install(plugin_id id, const void* info, int argc, char** argv) {
  (void)info;
  (void)argc;
  (void)argv;
  qemu_plugin_register_vcpu_tb_trans_cb(id, count_block);
  qemu_plugin_register_atexit_cb(id, tell, NULL);
  return 0;
}
