package org.pytorch;

/** Where a module runs. A runtime has kernels for the CPU alone: loading for another is refused. */
public enum Device {
  CPU,
  VULKAN,
}
