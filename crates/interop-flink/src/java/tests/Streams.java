// Prints streams.txt: java Streams.java > streams.txt (OpenJDK 17).
import java.io.*; import java.util.*;
public class Streams {
  enum Color { RED { void x(){} }, GREEN; void x(){} }
  static class Base implements Serializable { private static final long serialVersionUID=7; int a=1; String s="base"; }
  static class Leaf extends Base { private static final long serialVersionUID=8; long l=-2; byte b=3; char c='x'; short h=4; float f=1.5f; double d=-0.0; boolean z=true; Object self; int[] ints={1,2,3}; byte[] bytes={9,8}; String[][] deep={{"p"},null}; String s="leaf"; Class<?> k=Leaf.class; Color color=Color.RED;
    private void writeObject(ObjectOutputStream o) throws IOException { o.defaultWriteObject(); o.writeInt(5); o.writeObject("mid"); o.writeLong(6); for(int i=0;i<300;i++) o.writeByte(i); } 
    private void readObject(ObjectInputStream i){} }
  public static class Ext implements Externalizable { public void writeExternal(ObjectOutput o) throws IOException { o.writeInt(77); o.writeObject("ext"); } public void readExternal(ObjectInput i){} }
  static void out(String n, Object o) throws Exception { ByteArrayOutputStream b=new ByteArrayOutputStream(); try(ObjectOutputStream s=new ObjectOutputStream(b)){s.writeObject(o);} StringBuilder h=new StringBuilder(); for(byte x:b.toByteArray()) h.append(String.format("%02x",x)); System.out.println(n+" "+h); }
  public static void main(String[] x) throws Exception {
    Leaf l=new Leaf(); l.self=l; out("leaf", l); out("ext", new Ext());
    out("array_list", new ArrayList<>(List.of("a",1L))); out("unmodifiable", Collections.unmodifiableList(new ArrayList<>(List.of("a","a"))));
    out("list_of", List.of(1,2,3)); out("arrays", Arrays.asList("q")); out("singleton", Collections.singletonList(4L)); out("empty", Collections.emptyList());
    Map<String,Integer> m=new LinkedHashMap<>(); m.put("one",1); m.put("two",2); out("linked_map", m); out("tree_map", new TreeMap<>(m)); out("tree_set", new TreeSet<>(m.keySet())); out("hash_set", new HashSet<>(List.of("h"))); out("empty_map", Collections.emptyMap()); out("map_of", Map.of("k","v"));
    EnumMap<Color,String> e=new EnumMap<>(Color.class); e.put(Color.GREEN,"g"); out("enum_map", e); out("lone", "\ud800!");
    out("boxed", new Object[]{(byte) 1, (short) 2, 3, 4L});
    out("linked_list", new LinkedList<>(List.of("z"))); out("deque", new ArrayDeque<>(List.of("z")));
    out("proxy", java.lang.reflect.Proxy.newProxyInstance(Streams.class.getClassLoader(), new Class<?>[]{Runnable.class, Comparable.class}, new H()));
    out("nulls", new Object[]{null, "x", "x"});
  }
  static class H implements java.lang.reflect.InvocationHandler, Serializable { private static final long serialVersionUID=1; public Object invoke(Object p, java.lang.reflect.Method m, Object[] a){return null;} }
}
