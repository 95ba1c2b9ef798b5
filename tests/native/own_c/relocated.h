// A library whose words have to be relocated, some of them sealed afterwards.
#ifndef RELOCATED_H
#define RELOCATED_H

// Room for a copy of the dynamic section.
extern unsigned char spare[1024];

int added(void);
int constructed(void);
const void* sealed(void);
// What a loader that knows packed relocations has done before: all of them.
void relocate_again(void);

#endif
