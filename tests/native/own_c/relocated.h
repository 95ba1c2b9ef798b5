// A library whose words have to be relocated, some of them sealed afterwards.
#ifndef RELOCATED_H
#define RELOCATED_H

int added(void);
int constructed(void);
const void* sealed(void);
// What a loader that knows packed relocations has done before: all of them.
void relocate_again(void);

#endif
