package evo;

public class Account {
    public int balance = 7;
    public String owner = "owner";
    public Inner inner = new Inner();
    public String id = "acc";

    public Account() {}
}
