package evo;

public class Account {
    private String id = "acc";
    private String owner = "owner";
    private int balance = 7;
    private Inner inner = new Inner();

    public Account() {}
}
