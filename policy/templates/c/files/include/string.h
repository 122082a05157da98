// The functions of the C library that the bindings use; ordinance.c defines them.
#pragma once
#include <stddef.h>

void *memcpy(void *target, const void *source, size_t size);
void *memset(void *target, int byte, size_t size);
int memcmp(const void *one, const void *other, size_t size);
size_t strlen(const char *text);
