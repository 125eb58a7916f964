/** A POJO of six fields. */
public class Stats {
    public boolean even;
    public double mean;
    public int count;
    public long sum;
    public long last;
    public String name;

    public Stats() {}

    static Stats of(long number) {
        Stats stats = new Stats();
        stats.even = number % 2 == 0;
        stats.mean = number / 4.0;
        stats.count = (int) (number % 1000);
        stats.sum = number * 31;
        stats.last = -number;
        stats.name = "n" + number;
        return stats;
    }
}
