package org.pytorch;

import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.Field;
import java.lang.reflect.Member;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Arrays;
import java.util.TreeSet;

/** Prints the public members of classes, so that those of two libraries can be compared. */
public final class Members {
  private static final int SHOWN = Modifier.PUBLIC | Modifier.STATIC;

  private Members() {}

  public static void main(String[] names) throws ReflectiveOperationException {
    final TreeSet<String> found = new TreeSet<>();
    for (String name : names) {
      final Class<?> type = Class.forName(name, false, Members.class.getClassLoader());
      found.add("class " + name);
      for (Method each : type.getDeclaredMethods()) {
        add(found, name, each, each.getReturnType().getName() + " " + signature(each));
      }
      for (Constructor<?> each : type.getDeclaredConstructors()) {
        add(found, name, each, "new " + signature(each));
      }
      for (Field each : type.getDeclaredFields()) {
        add(found, name, each, each.getType().getName() + " " + each.getName());
      }
    }
    found.forEach(System.out::println);
  }

  private static String signature(Executable member) {
    final String[] types =
        Arrays.stream(member.getParameterTypes()).map(Class::getName).toArray(String[]::new);
    return (member instanceof Constructor ? "" : member.getName())
        + "(" + String.join(", ", types) + ")" + (member.isVarArgs() ? " varargs" : "");
  }

  private static void add(TreeSet<String> found, String type, Member member, String text) {
    if (Modifier.isPublic(member.getModifiers()) && !member.isSynthetic()) {
      found.add(type + ": " + Modifier.toString(member.getModifiers() & SHOWN) + " " + text);
    }
  }
}
