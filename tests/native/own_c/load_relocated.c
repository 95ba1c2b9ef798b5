// Loads a library that relocates itself, and looks at what came of it.
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

// 1 or 0, or -1 where nobody says so. A line of the file is `begin-end rw-p ...`.
static int writable(const void* address) {
  FILE* maps = fopen("/proc/self/maps", "r");
  if (maps == NULL) {
    return -1;
  }
  int found = -1;
  char line[512];
  while (found < 0 && fgets(line, sizeof line, maps) != NULL) {
    char* rest = line;
    const unsigned long begin = strtoul(rest, &rest, 16);
    const unsigned long end = strtoul(rest + 1, &rest, 16);
    if (begin <= (uintptr_t)address && (uintptr_t)address < end) {
      found = rest[2] == 'w';
    }
  }
  fclose(maps);
  return found;
}

int main(int count, char** words) {
  void* library = count == 2 ? dlopen(words[1], RTLD_NOW) : NULL;
  if (library == NULL) {
    fputs(dlerror(), stderr);
    return 1;
  }
  int (*added)(void) = (int (*)(void))dlsym(library, "added");
  int (*constructed)(void) = (int (*)(void))dlsym(library, "constructed");
  const void* (*sealed)(void) = (const void* (*)(void))dlsym(library, "sealed");
  void (*relocate_again)(void) = (void (*)(void))dlsym(library, "relocate_again");
  printf("%d %d %d\n", constructed(), added(), writable(sealed()));
  relocate_again();
  printf("%d %d\n", added(), writable(sealed()));
  return 0;
}
